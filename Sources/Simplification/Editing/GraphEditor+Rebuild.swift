internal import ModelGraph
internal import Operators
internal import Tensors

/// Back to the plain graph. Nodes come out sorted, as the specification asks, in the source's order as far as it goes.
extension GraphEditor {
    func rebuilt() throws -> Graph { try rebuilt(root) }

    private func rebuilt(_ id: GraphID) throws -> Graph {
        let source = graphs[id]
        var graph = source.shell
        let order = try order(of: id)
        graph.nodes.reserveCapacity(order.count)
        writeConstants(of: id, to: &graph)
        for node in order { graph.nodes.append(try rebuilt(node: node)) }
        // A listed initializer that nobody reads any more is gone; as an input it would have to be given. From IR 4 on none needs to be listed.
        var inputs = zip(source.inputs, source.inputInfos).filter { value, _ in
            !values[value].isListed || values[value].constant != nil && setting.irVersion < 4
        }.map { named($1, $0) }
        if id == root, setting.irVersion < 4, !setting.isFunction { inputs = listingInitializers(inputs, graph) }
        graph.inputs = inputs
        graph.outputs = zip(source.outputs, source.outputInfos).map { value, info in value >= 0 ? named(info, value) : info }
        graph.valueInfos = source.infos.compactMap { value, info in
            guard values[value].maker >= 0, values[value].graph == id else { return nil }
            return named(info, value)
        }
        return graph
    }

    private func named(_ info: ValueInfo, _ value: ValueID) -> ValueInfo {
        guard info.name != values[value].name else { return info }
        var copy = info
        copy.name = values[value].name
        return copy
    }

    /// Up to IR 3 every initializer is an input too.
    private func listingInitializers(_ inputs: [ValueInfo], _ graph: Graph) -> [ValueInfo] {
        let listed = Set(inputs.compactMap(\.name))
        return inputs + graph.initializers.compactMap { tensor in
            guard let name = tensor.name, !listed.contains(name) else { return nil }
            return ValueInfo(name: name, type: .tensor(tensor.elementType, Shape(tensor.dims.map { Dimension(.value(Int64($0))) })))
        }
    }

    private func writeConstants(of id: GraphID, to graph: inout Graph) {
        var stored: [(order: Int, value: ValueID, constant: StoredConstant)] = []
        for value in graphs[id].constants {
            guard values[value].graph == id, let constant = values[value].constant else { continue }
            stored.append((constant.order, value, constant))
        }
        stored.sort { ($0.order, $0.value) < ($1.order, $1.value) }
        for (_, value, constant) in stored {
            switch constant.content {
            case .tensor(let tensor):
                if constant.node != nil || setting.isFunction || (isOutput(value) && constant.order == .max) {
                    graph.nodes.append(constantNode(value, constant, tensor))
                } else {
                    var tensor = tensor
                    tensor.name = values[value].name
                    graph.initializers.append(tensor)
                }
            case .sparse(var sparse):
                sparse.values?.name = values[value].name
                graph.sparseInitializers.append(sparse)
            }
        }
    }

    private func constantNode(_ value: ValueID, _ constant: StoredConstant, _ tensor: Tensor) -> Node {
        if var node = constant.node {
            node.outputs = [values[value].name]
            return node
        }
        var tensor = tensor
        tensor.name = nil
        return Node("Constant", outputs: [values[value].name], attributes: [Attribute("value", .tensor(tensor))])
    }

    private func rebuilt(node id: NodeID) throws -> Node {
        var node = written(id)
        for subgraph in nodes[id].subgraphs {
            let graph = try rebuilt(subgraph.graph)
            guard let element = subgraph.element else {
                node.attributes[subgraph.attribute].value = .graph(graph)
                continue
            }
            if case .graphs(var graphs) = node.attributes[subgraph.attribute].value {
                graphs[element] = graph
                node.attributes[subgraph.attribute].value = .graphs(graphs)
            }
        }
        return node
    }
}
