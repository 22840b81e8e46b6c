internal import ModelGraph
internal import Operators
internal import Tensors

/// What must hold after every pass: edges and names in all of the graphs, and of the nodes that changed all that `checkModel` asks.
extension GraphEditor {
    /// Throws unless every value that is read has one maker that its reader can see, makers and readers agree, names differ, an order of
    /// computation exists, and nodes that changed since the last check are as their operators ask. Linear.
    func check() throws {
        for id in graphs.indices where graphs[id].isAlive {
            for node in graphs[id].nodes where nodes[node].isAlive {
                guard nodes[node].graph == id else { continue }
                for value in nodes[node].inputs where value >= 0 { try checkRead(value, from: id, by: { self.label(node) }) }
                for value in nodes[node].outputs where value >= 0 && (values[value].maker != node || values[value].graph != id) {
                    throw ModelError(.internalFault, "makes '\(values[value].name)', which belongs to another", at: [label(node)])
                }
            }
            for value in graphs[id].outputs where value >= 0 { try checkRead(value, from: id, by: { "output '\(self.values[value].name)'" }) }
        }
        _ = try orderOfAll()
        if let name = clashes().subtracting(knownClashes).first { throw ModelError(.internalFault, "two values have the name '\(name)', where one reader sees both") }
        try checkTouched()
    }

    private func checkRead(_ value: ValueID, from graph: GraphID, by reader: () -> String) throws {
        let record = values[value]
        let isThere = record.maker >= 0 ? nodes[record.maker].isAlive && nodes[record.maker].outputs.contains(value) : record.isInput || record.constant != nil
        guard isThere else { throw ModelError(.internalFault, "reads '\(record.name)', which nothing makes any more", at: [reader()]) }
        guard isWithin(graph, record.graph) else { throw ModelError(.internalFault, "reads '\(record.name)' of a graph that it cannot see", at: [reader()]) }
        guard !record.users.isEmpty else { throw ModelError(.internalFault, "'\(record.name)' does not know of its reader", at: [reader()]) }
    }

    /// Names that a value shares with another of the same graph or of one around it.
    func clashes() -> Set<Name> {
        guard sharedNames.contains(where: { count(of: $0) > 1 }) else { return [] }
        var places: [Name: [GraphID]] = [:], result: Set<Name> = []
        for value in values where sharedNames.contains(value.name) && graphs[value.graph].isAlive {
            guard !value.name.isEmpty, value.maker >= 0 || value.isInput || value.constant != nil else { continue }
            if places[value.name, default: []].contains(where: { isWithin(value.graph, $0) || isWithin($0, value.graph) }) { result.insert(value.name) }
            places[value.name, default: []].append(value.graph)
        }
        return result
    }

    /// Gives nodes that changed, as a model of their own, to the checks that models go through. Those with graphs in them change in their edges only;
    /// calls of functions, and what a function's caller completes, are looked at when all is done.
    private func checkTouched() throws {
        var parts: [GraphID: [NodeID]] = [:]
        for node in Set(touched).sorted() {
            let record = nodes[node]
            guard record.isAlive, record.subgraphs.isEmpty, !setting.functions.contains(FunctionKey(record.node)),
                !record.node.attributes.contains(where: { $0.referenceName != nil })
            else { continue }
            parts[record.graph, default: []].append(node)
        }
        touched.removeAll(keepingCapacity: true)
        for (_, part) in parts.sorted(by: { $0.key < $1.key }) {
            let findings = checkModel(model(of: part))
            // What concerns the model as a whole was there before.
            guard let error = findings.first(where: { $0.severity == .error && $0.place.count > 1 }) else { continue }
            throw ModelError(.internalFault, error.message, at: Array(error.place.dropFirst()))
        }
    }

    /// These nodes of one graph, with all that they read as inputs and initializers.
    private func model(of part: [NodeID]) -> Model {
        var graph = Graph(name: graphs[nodes[part[0]].graph].shell.name), seen: Set<Name> = []
        graph.nodes = part.map(written)
        for node in graph.nodes { seen.formUnion(node.outputs) }
        for value in part.flatMap({ nodes[$0].inputs }) where value >= 0 && seen.insert(values[value].name).inserted {
            if case .tensor(var tensor)? = values[value].constant?.content {
                tensor.name = values[value].name
                graph.initializers.append(tensor)
            } else {
                graph.inputs.append(ValueInfo(name: values[value].name, type: fact(value).valueType))
            }
        }
        return Model(
            irVersion: setting.irVersion, opsetImports: setting.opsets.map { OpsetImport(domain: $0, version: $1) }, graph: graph)
    }
}
