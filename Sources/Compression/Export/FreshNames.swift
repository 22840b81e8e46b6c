internal import ModelGraph
internal import Tensors

/// Names that nothing in a model has: neither a value of a graph or function, nor a node.
struct FreshNames {
    private var taken: Set<Name> = []

    init() {}

    init(_ model: Model) {
        model.forEachNode { node, _ in
            taken.formUnion(node.outputs)
            if let name = node.name { taken.insert(name) }
        }
        model.forEachGraph { graph, _ in
            taken.formUnion(graph.initializers.compactMap(\.name))
            taken.formUnion(graph.inputs.compactMap(\.name))
        }
        for function in model.functions { taken.formUnion(function.inputs) }
    }

    /// `text`, with a number behind it where that name is taken. It is taken from now on.
    mutating func make(_ text: String) -> Name {
        var name = Name(text), number = 1
        while !taken.insert(name).inserted {
            number += 1
            name = Name("\(text)_\(number)")
        }
        return name
    }
}
