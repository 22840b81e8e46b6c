internal import ModelGraph
internal import Tensors

/// An order in which each node comes after those whose values it or one of its subgraphs reads: that of the file where it is one, else
/// by Kahn (1962). Nodes of a cycle come last, in the file's order.
enum NodeSequence {
    static func order(_ nodes: [Node]) -> [Int] {
        var makers: [Name: Int] = [:]
        makers.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() { for name in node.outputs where !name.isEmpty { makers[name] = index } }
        var isSorted = true
        forEachRead(nodes, makers) { reader, maker in if maker > reader { isSorted = false } }
        if isSorted { return Array(nodes.indices) }

        var waiting = [Int](repeating: 0, count: nodes.count), readers = [[Int]](repeating: [], count: nodes.count)
        forEachRead(nodes, makers) { reader, maker in
            guard reader != maker else { return }
            readers[maker].append(reader)
            waiting[reader] += 1
        }
        var order = nodes.indices.filter { waiting[$0] == 0 }, next = 0
        while next < order.count {
            for reader in readers[order[next]] {
                waiting[reader] -= 1
                if waiting[reader] == 0 { order.append(reader) }
            }
            next += 1
        }
        return order + nodes.indices.filter { waiting[$0] > 0 }
    }

    private static func forEachRead(_ nodes: [Node], _ makers: [Name: Int], _ body: (_ reader: Int, _ maker: Int) -> Void) {
        for (index, node) in nodes.enumerated() {
            // The nodes within, a level at a time: names are those of the outermost graph where it makes them.
            var level = [node]
            while let inner = level.popLast() {
                for name in inner.inputs { if let maker = makers[name] { body(index, maker) } }
                for attribute in inner.attributes {
                    for graph in attribute.graphs {
                        level += graph.nodes
                        for output in graph.outputs { if let name = output.name, let maker = makers[name] { body(index, maker) } }
                    }
                }
            }
        }
    }
}
