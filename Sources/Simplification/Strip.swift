public import ModelGraph
internal import Tensors

/// The model without text that no runtime needs: doc strings, metadata of graphs, nodes, values and tensors (stack traces of the author's machine among
/// it), types of inner values, names of nodes, and names of inner values, which become short ones.
///
/// What it computes stays, bit by bit. Names of inputs, outputs and initializers stay, as do the model's own metadata, training graphs, and all
/// names of values where training, quantization annotations or device configurations may look values up by name.
public func strip(_ model: Model) -> Model {
    var result = model
    result.docString = nil
    result.graph.strip()
    for index in result.functions.indices {
        let body = result.functions[index]
        result.functions[index].docString = nil
        result.functions[index].metadata = []
        result.functions[index].valueInfos = []
        result.functions[index].nodes = body.nodes.map(\.stripped)
    }
    guard model.trainingInfo.isEmpty, !result.graph.namesMatter else { return result }
    var names = ShortNames(result)
    result.graph = names.shortened(result.graph, isRoot: true)
    return result
}

extension Graph {
    fileprivate mutating func strip() {
        docString = nil
        metadata = []
        valueInfos = []
        for index in inputs.indices { (inputs[index].docString, inputs[index].metadata) = (nil, []) }
        for index in outputs.indices { (outputs[index].docString, outputs[index].metadata) = (nil, []) }
        for index in initializers.indices { initializers[index].strip() }
        for index in sparseInitializers.indices {
            sparseInitializers[index].values?.strip()
            sparseInitializers[index].indices?.strip()
        }
        nodes = nodes.map(\.stripped)
    }

    /// True if something in it names values from outside of the graph's edges.
    fileprivate var namesMatter: Bool {
        !quantizationAnnotations.isEmpty || !unknownFields.isEmpty
            || nodes.contains { node in
                !node.deviceConfigurations.isEmpty || !node.unknownFields.isEmpty
                    || node.attributes.contains { attribute in attribute.graphs.contains(where: \.namesMatter) }
            }
    }
}

extension Attribute {
    fileprivate var graphs: [Graph] {
        switch value {
        case .graph(let graph): [graph]
        case .graphs(let graphs): graphs
        default: []
        }
    }
}

extension Tensor {
    fileprivate mutating func strip() { (docString, metadata) = (nil, []) }
}

extension Node {
    fileprivate var stripped: Node {
        var copy = self
        (copy.name, copy.docString, copy.metadata) = (nil, nil, [])
        for index in copy.attributes.indices {
            copy.attributes[index].docString = nil
            switch copy.attributes[index].value {
            case .tensor(var tensor):
                tensor.strip()
                copy.attributes[index].value = .tensor(tensor)
            case .graph(var graph):
                graph.strip()
                copy.attributes[index].value = .graph(graph)
            case .graphs(var graphs):
                for each in graphs.indices { graphs[each].strip() }
                copy.attributes[index].value = .graphs(graphs)
            default: break
            }
        }
        return copy
    }
}

/// Gives inner values of a model short names: letters, the first values the shortest.
private struct ShortNames {
    private var kept: Set<Name> = []
    private var count = 0

    init(_ model: Model) {
        kept = Set((model.graph.inputs + model.graph.outputs).compactMap(\.name))
        model.forEachTensor { tensor, place in
            switch place.steps.last {
            case .initializer?, .sparseValues?: if let name = tensor.name { kept.insert(name) }
            default: break
            }
        }
    }

    private mutating func next() -> Name {
        while true {
            var letters: [UInt8] = [], rest = count
            repeat {
                letters.append("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8.map(\.self)[rest % 52])
                rest = rest / 52 - 1
            } while rest >= 0
            count += 1
            if let name = Name(utf8: letters), !kept.contains(name) { return name }
        }
    }

    mutating func shortened(_ graph: Graph, isRoot: Bool) -> Graph {
        var names: [Name: Name] = [:]
        return shortened(graph, &names, isRoot: isRoot)
    }

    /// `names` says what outer values are called now.
    private mutating func shortened(_ graph: Graph, _ names: inout [Name: Name], isRoot: Bool) -> Graph {
        var copy = graph
        // What a graph defines hides nothing outside, but may come again in the next subgraph.
        let promised = isRoot ? Set(graph.outputs.compactMap(\.name)) : []
        var hidden: [(Name, Name?)] = []
        func define(_ shortener: inout ShortNames, _ name: Name, _ names: inout [Name: Name]) {
            hidden.append((name, names.updateValue(shortener.next(), forKey: name)))
        }
        let constants = Set(graph.initializers.compactMap(\.name) + graph.sparseInitializers.compactMap { $0.values?.name })
        for name in constants { hidden.append((name, names.updateValue(name, forKey: name))) }
        if !isRoot { for input in graph.inputs { if let name = input.name, !name.isEmpty, !constants.contains(name) { define(&self, name, &names) } } }
        for node in graph.nodes { for output in node.outputs where !output.isEmpty && !promised.contains(output) { define(&self, output, &names) } }
        for index in copy.nodes.indices {
            copy.nodes[index].inputs = copy.nodes[index].inputs.map { names[$0] ?? $0 }
            copy.nodes[index].outputs = copy.nodes[index].outputs.map { names[$0] ?? $0 }
            for each in copy.nodes[index].attributes.indices {
                switch copy.nodes[index].attributes[each].value {
                case .graph(let inner): copy.nodes[index].attributes[each].value = .graph(shortened(inner, &names, isRoot: false))
                case .graphs(let inner): copy.nodes[index].attributes[each].value = .graphs(inner.map { shortened($0, &names, isRoot: false) })
                default: break
                }
            }
        }
        if !isRoot {
            for index in copy.inputs.indices { copy.inputs[index].name = copy.inputs[index].name.map { names[$0] ?? $0 } }
            for index in copy.outputs.indices { copy.outputs[index].name = copy.outputs[index].name.map { names[$0] ?? $0 } }
        }
        for (name, outer) in hidden.reversed() { names[name] = outer }
        return copy
    }
}
