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
        for node in graph.nodes(of: .concat) {
            guard let axis = axis(node, graph) else { continue }
            var inputs: [ValueID] = [], taken: [NodeID] = []
            for value in graph.nodes[node].inputs {
                if let inner = graph.maker(value, .concat), graph.hasOneUse(value), self.axis(inner, graph) == axis {
                    inputs += graph.nodes[inner].inputs
                    taken.append(inner)
                } else {
                    inputs.append(value)
                }
            }
            guard !taken.isEmpty, inputs.count <= 4096 else { continue }
            for inner in taken { log.did("\(graph.label(inner)) into \(graph.label(node))") }
            graph.setInputs(node, inputs)
        }
    }

    private static func axis(_ node: NodeID, _ graph: GraphEditor) -> Int? {
        guard let axis = graph.int(node, "axis") ?? (graph.nodes[node].opset < 4 ? 1 : nil) else { return nil }
        if axis < 0, let rank = graph.nodes[node].inputs.lazy.compactMap({ graph.rank($0) }).first { return axis + rank }
        return axis
    }
}
