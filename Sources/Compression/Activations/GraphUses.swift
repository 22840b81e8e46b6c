internal import ModelGraph
internal import Tensors

/// Who makes and who reads each value of a main graph.
struct GraphUses {
    let nodes: [Node]
    /// Nodes by the names that they make.
    private(set) var makers: [Name: Int] = [:]
    /// Nodes of the main graph that read a name, each once.
    private(set) var readers: [Name: [Int]] = [:]
    /// Initializers and outputs of `Constant` nodes.
    private(set) var constants: [Name: Tensor] = [:]
    /// Outputs of the graph, and what graphs within nodes read.
    private(set) var shown: Set<Name> = []
    private(set) var outputs: Set<Name> = []

    init(_ graph: Graph) {
        nodes = graph.nodes
        for tensor in graph.initializers { if let name = tensor.name { constants[name] = tensor } }
        // Before IR 4 every initializer was an input; from then on one that is may be given another value.
        outputs = Set(graph.outputs.compactMap(\.name))
        shown = outputs
        for (index, node) in nodes.enumerated() {
            for output in node.outputs where !output.isEmpty { makers[output] = index }
            for input in Set(node.inputs) where !input.isEmpty { readers[input, default: []].append(index) }
            if node.opType == "Constant", case .tensor(let tensor)? = node.attribute("value")?.value, let output = node.outputs.first { constants[output] = tensor }
            for attribute in node.attributes { Self.collect(attribute.value, into: &shown) }
        }
    }

    private static func collect(_ value: AttributeValue, into names: inout Set<Name>) {
        let graphs: [Graph]
        switch value {
        case .graph(let graph): graphs = [graph]
        case .graphs(let list): graphs = list
        default: return
        }
        for graph in graphs {
            names.formUnion(graph.outputs.compactMap(\.name))
            for node in graph.nodes {
                names.formUnion(node.inputs)
                for attribute in node.attributes { collect(attribute.value, into: &names) }
            }
        }
    }

    func isConstant(_ name: Name) -> Bool { constants[name] != nil }

    /// The numbers of a float constant; nil if it is none.
    func floats(_ name: Name) -> [Float]? {
        guard let tensor = constants[name], tensor.elementType.isQuantizable, let count = tensor.elementCount, let bytes = try? tensor.plainBytes() else { return nil }
        return try? StripReader.floats(bytes, tensor.elementType, 0..<count)
    }

    /// The only node that reads a value, which nobody else sees.
    func onlyReader(_ name: Name) -> Int? {
        guard !shown.contains(name), let list = readers[name], list.count == 1 else { return nil }
        return list[0]
    }
}

extension Node {
    var isStandard: Bool { domain == nil || domain == "" || domain == "ai.onnx" }

    /// An INT attribute.
    func integer(_ name: Name, default standard: Int64) -> Int64 {
        if case .int(let value)? = attribute(name)?.value { value } else { standard }
    }

    func number(_ name: Name, default standard: Float) -> Float {
        if case .float(let value)? = attribute(name)?.value { value } else { standard }
    }
}
