internal import COnnx
internal import ModelGraph
internal import Tensors

// A graph's nodes hold attributes that hold graphs: these functions call each other as deep as `graphDepthLimit`. None of them
// may be inlined into another, so that a small stack is enough.
extension Decoder {
    @inline(never)
    func graph(_ body: Body, depth: Int) throws -> Graph {
        guard depth <= Self.graphDepthLimit else {
            throw ModelError(.limit, "graphs nested more than \(Self.graphDepthLimit) deep", at: ["byte \(body.first.lowerBound)"])
        }
        var (graph, scan) = try graphHeader(body)
        try children(.graph, body, scan) { field, range in
            if field == 1 {
                try node(Body(range), depth: depth, into: &graph.nodes)
            } else {
                try take(field, range, into: &graph)
            }
        }
        return graph
    }

    @inline(never)
    private func graphHeader(_ body: Body) throws -> (Graph, ScannedMessage) {
        let (m, scan) = try unsafe message(.graph, body, as: Onnx__GraphProto.self)
        var graph = try unsafe Graph(
            name: name(m.has_name, m.name), docString: name(m.has_doc_string, m.doc_string), unknownFields: scan.unknown)
        // Growing step by step would take three times the memory.
        if memory.hasRoom(for: scan.firstFieldCount, Node.self) { graph.nodes.reserveCapacity(scan.firstFieldCount) }
        if let children = scan.children {
            let tensors = scanner.count(children, of: 5), values = scanner.count(children, of: 13)
            if memory.hasRoom(for: tensors, Tensor.self) { graph.initializers.reserveCapacity(tensors) }
            if options.readsValueInfo, memory.hasRoom(for: values, ValueInfo.self) { graph.valueInfos.reserveCapacity(values) }
        }
        return (graph, scan)
    }

    @inline(never)
    private func take(_ field: Int, _ range: Range<Int>, into graph: inout Graph) throws {
        let body = Body(range)
        switch field {
        case 5: graph.initializers.append(try initializer(body, index: graph.initializers.count))
        case 11: graph.inputs.append(try valueInfo(body, "input", index: graph.inputs.count))
        case 12: graph.outputs.append(try valueInfo(body, "output", index: graph.outputs.count))
        case 13 where !options.readsValueInfo: break
        case 13: graph.valueInfos.append(try valueInfo(body, "value", index: graph.valueInfos.count))
        case 14: graph.quantizationAnnotations.append(try annotation(body))
        case 15: graph.sparseInitializers.append(try sparseInitializer(body, index: graph.sparseInitializers.count))
        default: graph.metadata.append(try entry(range))
        }
    }

    private func initializer(_ body: Body, index: Int) throws -> Tensor {
        let tensor = try tensor(body, label: .initializer(index))
        guard let name = tensor.name, !name.isEmpty else {
            throw ModelError(.invalidGraph, "has no name, and nothing could read it", at: ["initializer \(index)"])
        }
        return tensor
    }

    private func sparseInitializer(_ body: Body, index: Int) throws -> SparseTensor {
        try placed("sparse initializer \(index)") {
            let tensor = try sparseTensor(body)
            guard let values = tensor.values else { throw ModelError(.invalidGraph, "has no values") }
            guard let name = values.name, !name.isEmpty else {
                throw ModelError(.invalidGraph, "its values have no name, and nothing could read it")
            }
            return tensor
        }
    }

    /// Puts a node behind `nodes`. It is filled where it lies: nodes are large, and moving them would touch each of their names.
    @inline(never)
    func node(_ body: Body, depth: Int, into nodes: inout [Node]) throws {
        let index = nodes.count
        let scan = try nodeHeader(body, into: &nodes)
        guard (scan.has(5) && scan.decodedWithin == 0) || scan.has(9) || scan.has(10) else { return }
        let warningsBefore = warnings.count
        do {
            try nodeChildren(body, scan, &nodes[index], depth: depth)
        } catch let error as ModelError {
            throw error.at(nodes[index].label)
        }
        if warnings.count > warningsBefore { place(nodes[index].label, from: warningsBefore) }
    }

    /// With its attributes if they were decoded with it.
    @inline(never)
    private func nodeHeader(_ body: Body, into nodes: inout [Node]) throws -> ScannedMessage {
        let index = nodes.count
        let (m, scan) = try unsafe message(.node, body, as: Onnx__NodeProto.self)
        let opType = try unsafe name(m.has_op_type, m.op_type), nodeName = try unsafe name(m.has_name, m.name)
        guard let opType, !opType.isEmpty else {
            throw ModelError(.invalidGraph, "has no op_type", at: ["node \(index)\(nodeName.map { " '\($0)'" } ?? "")"])
        }
        nodes.append(Node(opType))
        nodes[index].name = nodeName
        nodes[index].domain = try unsafe name(m.has_domain, m.domain)
        nodes[index].overload = try unsafe name(m.has_overload, m.overload)
        nodes[index].inputs = try unsafe names(m.n_input, m.input)
        nodes[index].outputs = try unsafe names(m.n_output, m.output)
        nodes[index].docString = try unsafe name(m.has_doc_string, m.doc_string)
        nodes[index].unknownFields = scan.unknown
        guard scan.decodedWithin > 0 else { return scan }
        let warningsBefore = warnings.count
        do {
            try unsafe takeAttributes(m.n_attribute, m.attribute, into: &nodes[index].attributes)
        } catch let error as ModelError {
            throw error.at(nodes[index].label)
        }
        if warnings.count > warningsBefore { place(nodes[index].label, from: warningsBefore) }
        return scan
    }

    private func takeAttributes(
        _ count: Int, _ list: UnsafeMutablePointer<UnsafeMutablePointer<Onnx__AttributeProto>?>?, into attributes: inout [Attribute]
    ) throws {
        attributes.reserveCapacity(count)
        for index in 0..<count {
            // protobuf-c fills as many as it counts.
            guard let m = unsafe list?[index] else { throw changed() }
            attributes.append(try unsafe attribute(m, ScannedMessage(), index: index).attribute)
        }
    }

    @inline(never)
    private func nodeChildren(_ body: Body, _ scan: ScannedMessage, _ node: inout Node, depth: Int) throws {
        try children(.node, body, scan) { field, range in
            switch field {
            case 5: node.attributes.append(try attribute(Body(range), index: node.attributes.count, depth: depth))
            case 9: node.metadata.append(try entry(range))
            case 10: node.deviceConfigurations.append(try nodeDeviceConfiguration(Body(range)))
            default: break
            }
        }
    }

    func valueInfo(_ body: Body, _ role: String, index: Int) throws -> ValueInfo {
        let (m, scan) = try unsafe message(.valueInfo, body, as: Onnx__ValueInfoProto.self)
        let valueName = try unsafe name(m.has_name, m.name)
        guard let valueName, !valueName.isEmpty else { throw ModelError(.invalidGraph, "has no name", at: ["\(role) \(index)"]) }
        let docString = try unsafe name(m.has_doc_string, m.doc_string)
        var type: ValueType?
        if scan.decodedWithin > 0, let decoded = unsafe m.type { type = try unsafe tensorType(decoded) }
        guard scan.has(4) || (scan.has(2) && scan.decodedWithin == 0) else {
            return ValueInfo(name: valueName, type: type, docString: docString, unknownFields: scan.unknown)
        }
        var metadata: [KeyValue] = []
        var typeBody: Body?
        try placed("\(role) '\(valueName)'") {
            try children(.valueInfo, body, scan) { field, range in
                if field == 2 { Body.merge(range, into: &typeBody) } else { metadata.append(try entry(range)) }
            }
            if let inside = typeBody { type = try valueType(inside, depth: 1) }
        }
        return ValueInfo(name: valueName, type: type, docString: docString, metadata: metadata, unknownFields: scan.unknown)
    }

    private func annotation(_ body: Body) throws -> QuantizationAnnotation {
        let (m, scan) = try unsafe message(.annotation, body, as: Onnx__TensorAnnotation.self)
        var annotation = try unsafe QuantizationAnnotation(
            tensorName: name(m.has_tensor_name, m.tensor_name), parameters: [], unknownFields: scan.unknown)
        try children(.annotation, body, scan) { _, range in annotation.parameters.append(try entry(range)) }
        return annotation
    }
}
