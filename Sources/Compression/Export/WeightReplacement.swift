internal import ModelGraph
internal import Tensors

/// Tensors and nodes that make the value of a weight in its place.
struct WeightReplacement {
    /// Constants, each with a name.
    var constants: [Tensor]
    /// The last one makes the weight's value, under its name.
    var nodes: [Node]
}

extension WeightReplacement {
    /// `model` with each weight of `halves` stored as that tensor, and a `Cast` back to its type.
    static func casting(_ model: Model, _ halves: [Place: Tensor]) throws -> Model {
        var rewriter = WeightRewriter { tensor, place, name, fresh in
            guard let half = halves[place] else { return nil }
            var stored = half
            stored.name = fresh("\(name.text)_\(half.elementType == .float16 ? "fp16" : "bf16")")
            let cast = Node("Cast", name: fresh("\(name.text)_cast"), inputs: [stored.name ?? ""], outputs: [name], attributes: [Attribute("to", .int(Int64(tensor.elementType.rawValue)))])
            return WeightReplacement(constants: [stored], nodes: [cast])
        }
        return rewriter.rewrite(model)
    }
}

/// Puts replacements where weights were: initializers give way to initializers and nodes before all others, `Constant` nodes to nodes.
struct WeightRewriter {
    /// The replacement for a tensor at a place whose value has a name; the last argument makes names that are free.
    private let replacement: (Tensor, Place, Name, (String) -> Name) -> WeightReplacement?
    private var names = FreshNames()

    init(_ replacement: @escaping (Tensor, Place, Name, (String) -> Name) -> WeightReplacement?) {
        self.replacement = replacement
    }

    mutating func rewrite(_ model: Model) -> Model {
        names = FreshNames(model)
        var model = model
        model.graph = rewrite(model.graph, at: Place())
        for index in model.functions.indices {
            let function = model.functions[index]
            let place = Place([.function(domain: function.domain, name: function.name, overload: function.overload)])
            model.functions[index].nodes = rewrite(function.nodes, at: place)
        }
        // Before IR 4, every initializer was an input.
        model.irVersion = max(model.irVersion ?? 4, 4)
        return model
    }

    private mutating func fresh(_ text: String) -> Name { names.make(text) }

    private mutating func replace(_ tensor: Tensor, _ place: Place, _ name: Name) -> WeightReplacement? {
        // The closure needs the names while it runs; a copy of them for each weight would be dear.
        var names = FreshNames()
        swap(&names, &self.names)
        defer { swap(&names, &self.names) }
        return replacement(tensor, place, name) { names.make($0) }
    }

    private mutating func rewrite(_ graph: Graph, at outer: Place) -> Graph {
        var graph = graph
        let place = outer.appending(.graph(graph.name))
        var initializers: [Tensor] = [], first: [Node] = [], gone: Set<Name> = []
        for (index, tensor) in graph.initializers.enumerated() {
            guard let name = tensor.name, let made = replace(tensor, place.appending(.initializer(index, tensor.name)), name) else {
                initializers.append(tensor)
                continue
            }
            initializers += made.constants
            first += made.nodes
            gone.insert(name)
        }
        graph.initializers = initializers
        graph.inputs.removeAll { $0.name.map(gone.contains) ?? false }
        graph.nodes = first + rewrite(graph.nodes, at: place)
        return graph
    }

    private mutating func rewrite(_ nodes: [Node], at place: Place) -> [Node] {
        var result: [Node] = []
        result.reserveCapacity(nodes.count)
        for var node in nodes {
            let at = place.appending(node)
            if node.opType == "Constant", let output = node.outputs.first,
                case .tensor(let tensor)? = node.attribute("value")?.value, let made = replace(tensor, at.appending(.attribute("value")), output)
            {
                for constant in made.constants {
                    let name = constant.name ?? ""
                    var value = constant
                    value.name = nil
                    result.append(Node("Constant", name: fresh("\(name.text)_constant"), outputs: [name], attributes: [Attribute("value", .tensor(value))]))
                }
                result += made.nodes
                continue
            }
            for index in node.attributes.indices {
                let inner = at.appending(.attribute(node.attributes[index].name))
                switch node.attributes[index].value {
                case .graph(let graph): node.attributes[index].value = .graph(rewrite(graph, at: inner))
                case .graphs(let graphs):
                    node.attributes[index].value = .graphs(graphs.enumerated().map { rewrite($1, at: inner.appending(.element($0))) })
                default: break
                }
            }
            result.append(node)
        }
        return result
    }
}
