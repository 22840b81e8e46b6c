internal import COnnx
internal import ModelGraph
internal import Tensors

extension MessageBuilder {
    typealias AttributeMessage = UnsafeMutablePointer<Onnx__AttributeProto>

    func node(_ node: Node) throws -> UnsafeMutablePointer<Onnx__NodeProto> {
        let m = unsafe try arena.create(.node, as: Onnx__NodeProto.self)
        unsafe (m.pointee.n_input, m.pointee.input) = unsafe try names(node.inputs)
        unsafe (m.pointee.n_output, m.pointee.output) = unsafe try names(node.outputs)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(node.name)
        unsafe (m.pointee.has_op_type, m.pointee.op_type) = unsafe try data(node.opType)
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(node.docString)
        unsafe (m.pointee.has_domain, m.pointee.domain) = unsafe try data(node.domain)
        unsafe (m.pointee.has_overload, m.pointee.overload) = unsafe try data(node.overload)
        unsafe (m.pointee.n_metadata_props, m.pointee.metadata_props) = unsafe (node.metadata.count, try list(node.metadata, entry))
        let devices = node.deviceConfigurations
        unsafe (m.pointee.n_device_configurations, m.pointee.device_configurations) = unsafe (devices.count, try list(devices, nodeDeviceConfiguration))
        unsafe try unknown(node.unknownFields, of: .node, in: &m.pointee.base)
        guard !node.attributes.isEmpty else { return unsafe m }
        try within(node.label) {
            unsafe (m.pointee.n_attribute, m.pointee.attribute) = unsafe (node.attributes.count, try list(node.attributes, attribute))
        }
        return unsafe m
    }

    func attribute(_ attribute: Attribute) throws -> AttributeMessage {
        let m = unsafe try arena.create(.attribute, as: Onnx__AttributeProto.self)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(attribute.name)
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(attribute.docString)
        unsafe (m.pointee.has_ref_attr_name, m.pointee.ref_attr_name) = unsafe try data(attribute.referenceName)
        if attribute.hasType {
            let type = Onnx__AttributeProto__AttributeType(rawValue: UInt32(attribute.value.typeNumber))
            unsafe (m.pointee.has_type, m.pointee.type) = (1, type)
        }
        unsafe try unknown(attribute.unknownFields, of: .attribute, in: &m.pointee.base)
        if attribute.hasValue {
            try within("attribute '\(attribute.name ?? "")'") { unsafe try set(attribute.value, m) }
        }
        return unsafe m
    }

    private func set(_ value: AttributeValue, _ m: AttributeMessage) throws {
        switch value {
        case .undefined: break
        case .float(let value): unsafe (m.pointee.has_f, m.pointee.f) = (1, value)
        case .int(let value): unsafe (m.pointee.has_i, m.pointee.i) = (1, value)
        case .string(let value): unsafe (m.pointee.has_s, m.pointee.s) = unsafe (1, try data(value))
        case .floats(let values): unsafe (m.pointee.n_floats, m.pointee.floats) = unsafe (values.count, try array(values))
        case .ints(let values): unsafe (m.pointee.n_ints, m.pointee.ints) = unsafe (values.count, try array(values))
        case .strings(let values): unsafe (m.pointee.n_strings, m.pointee.strings) = unsafe (values.count, try array(values.map { unsafe try data($0) }))
        case .graph(let graph): unsafe (m.pointee.has_g, m.pointee.g) = unsafe (1, try writer.part(.graph(graph), depth: depth + 1))
        case .graphs(let graphs):
            var parts: [ProtobufCBinaryData] = unsafe []
            for graph in graphs { unsafe parts.append(try writer.part(.graph(graph), depth: depth + 1)) }
            unsafe (m.pointee.n_graphs, m.pointee.graphs) = unsafe (parts.count, try array(parts))
        default: unsafe try setMessages(value, m)
        }
    }

    private func setMessages(_ value: AttributeValue, _ m: AttributeMessage) throws {
        switch value {
        case .tensor(let value): unsafe m.pointee.t = unsafe try tensor(value)
        case .tensors(let values): unsafe (m.pointee.n_tensors, m.pointee.tensors) = unsafe (values.count, try list(values, tensor))
        case .sparseTensor(let value): unsafe m.pointee.sparse_tensor = unsafe try sparseTensor(value)
        case .sparseTensors(let values):
            unsafe (m.pointee.n_sparse_tensors, m.pointee.sparse_tensors) = unsafe (values.count, try list(values, sparseTensor))
        case .type(let value): unsafe m.pointee.tp = unsafe try type(value)
        case .types(let values): unsafe (m.pointee.n_type_protos, m.pointee.type_protos) = unsafe (values.count, try list(values, type))
        default: break
        }
    }
}
