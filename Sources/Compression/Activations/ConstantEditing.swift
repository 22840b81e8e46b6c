internal import ModelGraph
internal import Tensors

/// Gives nodes of a main graph constants of their own in place of others, which go when nobody reads them any more.
struct ConstantEditing {
    private(set) var model: Model
    private var names: FreshNames
    private var replaced: Set<Name> = []

    init(_ model: Model) {
        self.model = model
        names = FreshNames(model)
    }

    mutating func fresh(_ text: String) -> Name { names.make(text) }

    /// FLOAT values under a new name.
    mutating func add(_ text: String, _ values: [Float], _ dims: [Int]) throws -> Name {
        let name = fresh(text)
        var tensor = try NewElements(values).tensor(.float, dims)
        tensor.name = name
        model.graph.initializers.append(tensor)
        return name
    }

    mutating func set(_ node: Int, _ input: Int, _ what: String, _ values: [Float], _ dims: [Int]) throws {
        let old = model.graph.nodes[node].inputs[input]
        replaced.insert(old)
        model.graph.nodes[node].inputs[input] = try add("\(old.text)_\(what)", values, dims)
    }

    mutating func rename(_ name: Name, to other: Name, in node: Int) {
        for input in model.graph.nodes[node].inputs.indices where model.graph.nodes[node].inputs[input] == name { model.graph.nodes[node].inputs[input] = other }
    }

    /// `nodes` by the index of the node that they stand behind; −1: before all.
    mutating func finish(_ nodes: [Int: [Node]] = [:]) -> Model {
        if !nodes.isEmpty { model.graph.nodes = (nodes[-1] ?? []) + model.graph.nodes.enumerated().flatMap { [$1] + (nodes[$0] ?? []) } }
        var read: Set<Name> = []
        model.forEachNode { node, _ in read.formUnion(node.inputs) }
        model.forEachGraph { graph, _ in read.formUnion(graph.outputs.compactMap(\.name)) }
        let gone = replaced.subtracting(read)
        model.graph.initializers.removeAll { $0.name.map(gone.contains) ?? false }
        model.graph.inputs.removeAll { $0.name.map(gone.contains) ?? false }
        model.graph.nodes.removeAll { $0.opType == "Constant" && $0.outputs.first.map(gone.contains) ?? false }
        model.irVersion = max(model.irVersion ?? 4, 4)
        return model
    }
}
