internal import COnnx
internal import ModelGraph
internal import Tensors

extension MessageBuilder {
    typealias TypeMessage = UnsafeMutablePointer<Onnx__TypeProto>

    func valueInfo(_ info: ValueInfo) throws -> UnsafeMutablePointer<Onnx__ValueInfoProto> {
        let m = unsafe try arena.create(.valueInfo, as: Onnx__ValueInfoProto.self)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(info.name)
        if let type = info.type { unsafe m.pointee.type = unsafe try within("value '\(info.name ?? "")'") { unsafe try self.type(type) } }
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(info.docString)
        unsafe (m.pointee.n_metadata_props, m.pointee.metadata_props) = unsafe (info.metadata.count, try list(info.metadata, entry))
        unsafe try unknown(info.unknownFields, of: .valueInfo, in: &m.pointee.base)
        return unsafe m
    }

    func type(_ type: ValueType) throws -> TypeMessage {
        unsafe try self.type(type, depth: 1)
    }

    private func type(_ type: ValueType, depth: Int) throws -> TypeMessage {
        guard depth <= Decoder.typeDepthLimit else { throw ModelError(.limit, "types nested more than \(Decoder.typeDepthLimit) deep") }
        let m = unsafe try arena.create(.type, as: Onnx__TypeProto.self)
        if case .raw(let bytes) = type.kind {
            unsafe try unknown(bytes, of: .type, allowKnown: true, in: &m.pointee.base)
            return unsafe m
        }
        unsafe (m.pointee.has_denotation, m.pointee.denotation) = unsafe try data(type.denotation)
        switch type.kind {
        case .tensor(let element, let shape):
            unsafe m.pointee.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
            unsafe m.pointee.tensor_type = unsafe try tensorType(element, shape)
        case .sparseTensor(let element, let shape):
            unsafe m.pointee.value_case = ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE
            unsafe m.pointee.sparse_tensor_type = unsafe try sparseTensorType(element, shape)
        case .opaque(let domain, let name):
            let t = unsafe try arena.create(.opaqueType, as: Onnx__TypeProto__Opaque.self)
            unsafe (t.pointee.has_domain, t.pointee.domain) = unsafe try data(domain)
            unsafe (t.pointee.has_name, t.pointee.name) = unsafe try data(name)
            unsafe m.pointee.value_case = ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE
            unsafe m.pointee.opaque_type = unsafe t
        default: unsafe try setNested(type.kind, m, depth: depth)
        }
        return unsafe m
    }

    private func setNested(_ kind: ValueType.Kind, _ m: TypeMessage, depth: Int) throws {
        func inner(_ type: ValueType?) throws -> TypeMessage? { unsafe try type.map { unsafe try self.type($0, depth: depth + 1) } }
        switch kind {
        case .sequence(let element):
            let t = unsafe try arena.create(.sequenceType, as: Onnx__TypeProto__Sequence.self)
            unsafe t.pointee.elem_type = unsafe try inner(element)
            unsafe m.pointee.value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE
            unsafe m.pointee.sequence_type = unsafe t
        case .optional(let element):
            let t = unsafe try arena.create(.optionalType, as: Onnx__TypeProto__Optional.self)
            unsafe t.pointee.elem_type = unsafe try inner(element)
            unsafe m.pointee.value_case = ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE
            unsafe m.pointee.optional_type = unsafe t
        case .map(let key, let value):
            let t = unsafe try arena.create(.mapType, as: Onnx__TypeProto__Map.self)
            if let key { unsafe (t.pointee.has_key_type, t.pointee.key_type) = (1, key.rawValue) }
            unsafe t.pointee.value_type = unsafe try inner(value)
            unsafe m.pointee.value_case = ONNX__TYPE_PROTO__VALUE_MAP_TYPE
            unsafe m.pointee.map_type = unsafe t
        default: break
        }
    }

    private func tensorType(_ element: ElementType?, _ shape: Shape?) throws -> UnsafeMutablePointer<Onnx__TypeProto__Tensor> {
        let t = unsafe try arena.create(.tensorType, as: Onnx__TypeProto__Tensor.self)
        if let element { unsafe (t.pointee.has_elem_type, t.pointee.elem_type) = (1, element.rawValue) }
        unsafe t.pointee.shape = unsafe try shape.map { unsafe try self.shape($0) }
        return unsafe t
    }

    private func sparseTensorType(_ element: ElementType?, _ shape: Shape?) throws -> UnsafeMutablePointer<Onnx__TypeProto__SparseTensor> {
        let t = unsafe try arena.create(.sparseTensorType, as: Onnx__TypeProto__SparseTensor.self)
        if let element { unsafe (t.pointee.has_elem_type, t.pointee.elem_type) = (1, element.rawValue) }
        unsafe t.pointee.shape = unsafe try shape.map { unsafe try self.shape($0) }
        return unsafe t
    }

    private func shape(_ shape: Shape) throws -> UnsafeMutablePointer<Onnx__TensorShapeProto> {
        let m = unsafe try arena.create(.shape, as: Onnx__TensorShapeProto.self)
        unsafe (m.pointee.n_dim, m.pointee.dim) = unsafe (shape.dims.count, try list(shape.dims, dimension))
        return unsafe m
    }

    private func dimension(_ dimension: Dimension) throws -> UnsafeMutablePointer<Onnx__TensorShapeProto__Dimension> {
        let m = unsafe try arena.create(.dimension, as: Onnx__TensorShapeProto__Dimension.self)
        switch dimension.size {
        case .unknown: break
        case .value(let value):
            unsafe m.pointee.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
            unsafe m.pointee.dim_value = value
        case .symbol(let name):
            unsafe m.pointee.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
            unsafe m.pointee.dim_param = unsafe try data(name)
        }
        unsafe (m.pointee.has_denotation, m.pointee.denotation) = unsafe try data(dimension.denotation)
        return unsafe m
    }
}
