internal import ModelGraph
internal import Tensors

/// What must hold after every pass.
extension GraphEditor {
    /// Throws unless every value that is read has one maker that its reader can see, makers and readers agree, names differ, and an order of
    /// computation exists. Linear.
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
    }

    private func checkRead(_ value: ValueID, from graph: GraphID, by reader: () -> String) throws {
        let record = values[value]
        let isThere = record.maker >= 0 ? nodes[record.maker].isAlive && nodes[record.maker].outputs.contains(value) : record.isInput || record.constant != nil
        guard isThere else { throw ModelError(.internalFault, "reads '\(record.name)', which nothing makes any more", at: [reader()]) }
        guard isWithin(graph, record.graph) else { throw ModelError(.internalFault, "reads '\(record.name)' of a graph that it cannot see", at: [reader()]) }
        guard !record.users.isEmpty else { throw ModelError(.internalFault, "'\(record.name)' does not know of its reader", at: [reader()]) }
    }
}
