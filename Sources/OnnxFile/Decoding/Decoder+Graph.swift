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
        var graph = try graphHeader(body)
        var cursor = FieldCursor(bytes, .graph, body)
        while let field = try cursor.next() {
            guard case .message = field.rule?.content else { continue }
            if field.number == 1 {
                graph.nodes.append(try node(Body(field.value), index: graph.nodes.count, depth: depth))
            } else {
                try take(field.number, field.value, into: &graph)
            }
        }
        return graph
    }

    @inline(never)
    private func graphHeader(_ body: Body) throws -> Graph {
        let (m, scan) = try unsafe message(.graph, body, as: Onnx__GraphProto.self)
        var graph = try unsafe Graph(
            name: name(m.has_name, m.name), docString: name(m.has_doc_string, m.doc_string), unknownFields: scan.unknown)
        // Growing step by step would take three times the memory.
        if memory.hasRoom(for: scan.firstFieldCount, Node.self) { graph.nodes.reserveCapacity(scan.firstFieldCount) }
        return graph
    }

    @inline(never)
    private func take(_ field: Int, _ range: Range<Int>, into graph: inout Graph) throws {
        let body = Body(range)
        switch field {
        case 5: graph.initializers.append(try initializer(body, index: graph.initializers.count))
        case 11: graph.inputs.append(try valueInfo(body, "input", index: graph.inputs.count))
        case 12: graph.outputs.append(try valueInfo(body, "output", index: graph.outputs.count))
        case 13: graph.valueInfos.append(try valueInfo(body, "value", index: graph.valueInfos.count))
        case 14: graph.quantizationAnnotations.append(try annotation(body))
        case 15: graph.sparseInitializers.append(try sparseInitializer(body, index: graph.sparseInitializers.count))
        default: graph.metadata.append(try entry(range))
        }
    }

    private func initializer(_ body: Body, index: Int) throws -> Tensor {
        let tensor = try tensor(body) { "initializer \($0.map { "'\($0)'" } ?? "\(index)")" }
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

    @inline(never)
    func node(_ body: Body, index: Int, depth: Int) throws -> Node {
        var (node, hasChildren) = try nodeHeader(body)
        guard let opType = node.opType, !opType.isEmpty else {
            throw ModelError(.invalidGraph, "has no op_type", at: ["node \(index)\(node.name.map { " '\($0)'" } ?? "")"])
        }
        guard hasChildren else { return node }
        let warningsBefore = warnings.count
        do {
            try nodeChildren(body, &node, depth: depth)
        } catch let error as ModelError {
            throw error.at(node.label)
        }
        if warnings.count > warningsBefore { place(node.label, from: warningsBefore) }
        return node
    }

    @inline(never)
    private func nodeHeader(_ body: Body) throws -> (Node, hasChildren: Bool) {
        let (m, scan) = try unsafe message(.node, body, as: Onnx__NodeProto.self)
        let node = try unsafe Node(
            name(m.has_op_type, m.op_type), domain: name(m.has_domain, m.domain), overload: name(m.has_overload, m.overload),
            name: name(m.has_name, m.name), inputs: names(m.n_input, m.input), outputs: names(m.n_output, m.output),
            docString: name(m.has_doc_string, m.doc_string), unknownFields: scan.unknown)
        return (node, scan.has(5) || scan.has(9) || scan.has(10))
    }

    @inline(never)
    private func nodeChildren(_ body: Body, _ node: inout Node, depth: Int) throws {
        var cursor = FieldCursor(bytes, .node, body)
        while let field = try cursor.next() {
            switch field.number {
            case 5: node.attributes.append(try attribute(Body(field.value), index: node.attributes.count, depth: depth))
            case 9: node.metadata.append(try entry(field.value))
            case 10: node.deviceConfigurations.append(try nodeDeviceConfiguration(Body(field.value)))
            default: break
            }
        }
    }

    func valueInfo(_ body: Body, _ role: String, index: Int) throws -> ValueInfo {
        let (m, scan) = try unsafe message(.valueInfo, body, as: Onnx__ValueInfoProto.self)
        var info = try unsafe ValueInfo(
            name: name(m.has_name, m.name), type: nil, docString: name(m.has_doc_string, m.doc_string), unknownFields: scan.unknown)
        guard let label = info.name, !label.isEmpty else { throw ModelError(.invalidGraph, "has no name", at: ["\(role) \(index)"]) }
        var type: Body?
        try placed("\(role) '\(label)'") {
            try children(.valueInfo, body) { field, range in
                if field == 2 { Body.merge(range, into: &type) } else { info.metadata.append(try entry(range)) }
            }
            if let type { info.type = try valueType(type, depth: 1) }
        }
        return info
    }

    private func annotation(_ body: Body) throws -> QuantizationAnnotation {
        let (m, scan) = try unsafe message(.annotation, body, as: Onnx__TensorAnnotation.self)
        var annotation = try unsafe QuantizationAnnotation(
            tensorName: name(m.has_tensor_name, m.tensor_name), parameters: [], unknownFields: scan.unknown)
        try children(.annotation, body) { _, range in annotation.parameters.append(try entry(range)) }
        return annotation
    }
}
