internal import ModelGraph
internal import Operators
internal import Tensors

/// Writes operators of old operator sets as those of 13 where they differ in form alone: attributes that became inputs, and `Softmax` over several axes.
///
/// The nodes of all graphs, not those of functions, which have operator sets of their own. What cannot be said anew stays, and is an obstacle to
/// raising the operator set (see `OpsetRaise.obstacle`).
struct OpsetConversion {
    private let from: Int64
    /// Bounds and fillings have the type of what they are for, which is FLOAT only if no other float type is about.
    private let isFloatOnly: Bool
    private var names: FreshNames
    private var ranks: [Name: Int] = [:]
    /// How many nodes were written anew.
    private(set) var changes = 0

    init(_ model: Model) {
        from = OpsetRaise.version(of: model.opsetImports)
        var isFloatOnly = true
        model.forEachTensor { tensor, _ in if tensor.elementType.isFloat, tensor.elementType != .float { isFloatOnly = false } }
        for info in model.graph.inputs { if case .tensor(let type?, _)? = info.type?.kind, type.isFloat, type != .float { isFloatOnly = false } }
        self.isFloatOnly = isFloatOnly
        names = FreshNames(model)
        model.forEachGraph { graph, _ in
            for info in graph.inputs + graph.outputs + graph.valueInfos {
                if case .tensor(_, let shape?)? = info.type?.kind, let name = info.name { ranks[name] = shape.rank }
            }
        }
    }

    mutating func apply(to model: inout Model) {
        model.graph.nodes = converted(model.graph.nodes)
    }

    private mutating func converted(_ nodes: [Node]) -> [Node] {
        nodes.flatMap { node in
            var node = node
            for index in node.attributes.indices {
                guard case .graph(var graph) = node.attributes[index].value else { continue }
                graph.nodes = converted(graph.nodes)
                node.attributes[index].value = .graph(graph)
            }
            guard node.isStandard, let new = rewritten(node) else { return [node] }
            changes += 1
            return new
        }
    }

    /// Nil where nothing has to be written anew, or it cannot be.
    private mutating func rewritten(_ node: Node) -> [Node]? {
        switch node.opType?.text {
        case "Slice" where from < 10:
            guard let starts = node.integers("starts"), let ends = node.integers("ends") else { return nil }
            return inputs(node, [("starts", starts), ("ends", ends), ("axes", node.integers("axes") ?? Array(starts.indices))], drop: ["starts", "ends", "axes"])
        case "Squeeze" where from < 13, "Unsqueeze" where from < 13, "ReduceSum" where from < 13:
            guard let axes = node.integers("axes"), node.inputs.count == 1 else { return nil }
            return inputs(node, [("axes", axes)], drop: ["axes"])
        case "Split" where from < 13:
            guard let parts = node.integers("split"), node.inputs.count == 1 else { return nil }
            return inputs(node, [("split", parts)], drop: ["split"])
        case "Clip" where from < 11:
            guard isFloatOnly, node.attribute("min") != nil || node.attribute("max") != nil else { return nil }
            return bounds(node)
        case "Pad" where from < 11:
            guard isFloatOnly, let pads = node.integers("pads"), var made = inputs(node, [("pads", pads)], drop: ["pads", "value"]) else { return nil }
            let value = constant(.float(node.number("value", default: 0)), "\(node.outputs[0].text)_value", &made)
            made[made.count - 1].inputs.append(value)
            return made
        case "Dropout" where from < 12:
            guard node.attribute("ratio") != nil, node.outputs.dropFirst().allSatisfy(\.isEmpty) else { return nil }
            // It only counts in training.
            var node = node
            node.attributes.removeAll { $0.name == "ratio" || $0.name == "is_test" }
            node.outputs = Array(node.outputs.prefix(1))
            return [node]
        case "Softmax" where from < 13, "LogSoftmax" where from < 13, "Hardmax" where from < 13: return lines(node)
        default: return nil
        }
    }

    // MARK: - pieces

    private mutating func fresh(_ text: String) -> Name { names.make(text) }

    private enum Content {
        case float(Float)
        case integers([Int])
    }

    /// Puts a `Constant` before the last of `nodes`; returns its value's name.
    private mutating func constant(_ content: Content, _ text: String, _ nodes: inout [Node]) -> Name {
        let name = fresh(text), tensor: Tensor
        switch content {
        case .float(let value): tensor = Tensor(.float, dims: [], bytes: TensorBytes([0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value.bitPattern >> $0) }))
        case .integers(let values):
            let bytes = values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: Int64(value) >> (8 * Int64($0))) } }
            tensor = Tensor(.int64, dims: [values.count], bytes: TensorBytes(bytes))
        }
        nodes.insert(Node("Constant", name: fresh("\(name.text)_Constant"), outputs: [name], attributes: [Attribute("value", .tensor(tensor))]), at: nodes.count - 1)
        return name
    }

    private mutating func inputs(_ node: Node, _ values: [(what: String, numbers: [Int])], drop: Set<Name>) -> [Node]? {
        guard let output = node.outputs.first else { return nil }
        var nodes = [node]
        for (what, numbers) in values {
            let name = constant(.integers(numbers), "\(output.text)_\(what)", &nodes)
            nodes[nodes.count - 1].inputs.append(name)
        }
        nodes[nodes.count - 1].attributes.removeAll { $0.name.map(drop.contains) ?? false }
        return nodes
    }

    private mutating func bounds(_ node: Node) -> [Node]? {
        guard let output = node.outputs.first, node.inputs.count == 1 else { return nil }
        var nodes = [node]
        for what in ["min", "max"] {
            var name: Name = ""
            if case .float(let bound)? = node.attribute(Name(what))?.value { name = constant(.float(bound), "\(output.text)_\(what)", &nodes) }
            nodes[nodes.count - 1].inputs.append(name)
        }
        nodes[nodes.count - 1].attributes.removeAll { $0.name == "min" || $0.name == "max" }
        while nodes[nodes.count - 1].inputs.last?.isEmpty ?? false { nodes[nodes.count - 1].inputs.removeLast() }
        return nodes
    }

    /// Over all axes from `axis` on as one. Where that is the last alone it is the new operator; else the values are made a matrix before and what they were after.
    private mutating func lines(_ node: Node) -> [Node]? {
        guard let input = node.inputs.first, let output = node.outputs.first else { return nil }
        let axis = node.integer("axis", default: 1)
        guard axis != -1 else { return nil }
        var last = node
        last.attributes.removeAll { $0.name == "axis" }
        last.attributes.append(Attribute("axis", .int(-1)))
        if let rank = ranks[input] ?? ranks[output], axis == Int64(rank) - 1 { return [last] }
        let (matrix, soft, shape) = (fresh("\(output.text)_matrix"), fresh("\(output.text)_lines"), fresh("\(output.text)_shape"))
        (last.inputs, last.outputs) = ([matrix], [soft])
        return [
            Node("Flatten", name: fresh("\(output.text)_Flatten"), inputs: [input], outputs: [matrix], attributes: [Attribute("axis", .int(axis))]), last,
            Node("Shape", name: fresh("\(output.text)_Shape"), inputs: [input], outputs: [shape]),
            Node("Reshape", name: fresh("\(output.text)_Reshape"), inputs: [soft, shape], outputs: [output]),
        ]
    }
}
