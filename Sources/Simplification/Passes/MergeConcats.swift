internal import ModelGraph
internal import Tensors

/// Takes a Concat into the Concat behind it.
///
/// Applies where both join along the same axis and nobody else reads the first. Negative axes are the same only if they are written alike, or the rank
/// is known.
enum MergeConcats: GraphPass {
    static let name = "merge-concats"
    static let summary = "a Concat that only feeds a Concat of the same axis becomes part of it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        // From the last one on: each value is looked at once, however long the chain.
        for node in graph.nodes(of: .concat).reversed() {
            guard let axis = axis(node, graph), let output = graph.nodes[node].outputs.first, output >= 0, !graph.values[output].users.isEmpty else { continue }
            var inputs: [ValueID] = [], pending = Array(graph.nodes[node].inputs.reversed()), taken = 0
            while let value = pending.popLast() {
                if let inner = graph.maker(value, .concat), graph.hasOneUse(value), self.axis(inner, graph) == axis, inputs.count + pending.count < largest {
                    log.did("\(graph.label(inner)) into \(graph.label(node))")
                    pending += graph.nodes[inner].inputs.reversed()
                    taken += 1
                } else {
                    inputs.append(value)
                }
            }
            guard taken > 0 else { continue }
            let inner = graph.nodes[node].inputs.compactMap { graph.maker($0, .concat) }
            graph.setInputs(node, inputs)
            removeUnused(inner, graph)
        }
    }

    /// Inputs that a merged Concat may have, about.
    private static let largest = 4096

    private static func removeUnused(_ nodes: [NodeID], _ graph: GraphEditor) {
        var pending = nodes
        while let node = pending.popLast() {
            guard graph.nodes[node].isAlive, graph.nodes[node].outputs.allSatisfy({ $0 < 0 || graph.values[$0].users.isEmpty }) else { continue }
            pending += graph.nodes[node].inputs.compactMap { graph.maker($0, .concat) }
            graph.remove(node)
        }
    }

    private static func axis(_ node: NodeID, _ graph: GraphEditor) -> Int? {
        guard let axis = graph.int(node, "axis") ?? (graph.nodes[node].opset < 4 ? 1 : nil) else { return nil }
        if axis < 0, let rank = graph.nodes[node].inputs.lazy.compactMap({ graph.rank($0) }).first { return axis + rank }
        return axis
    }
}
