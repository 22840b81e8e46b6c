internal import ModelGraph
internal import Operators
internal import Tensors

/// Takes a Pad with zeros into the Conv that it feeds.
///
/// Applies when the Pad feeds only this Conv, is constant with value 0, widens only spatial axes, and the Conv states its own padding in numbers.
enum FoldPadding: GraphPass {
    static let name = "fold-padding"
    static let summary = "a Pad with zeros becomes part of the Conv behind it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .conv) {
            let data = graph.nodes[node].inputs[0]
            guard let pad = graph.maker(data, .pad), graph.onlyUser(data) == node, let pads = zeroPads(pad, graph), pads.count % 2 == 0,
                ["NOTSET", "VALID"].contains(graph.string(node, "auto_pad") ?? "NOTSET")
            else { continue }
            let rank = pads.count / 2
            guard rank >= 3, pads.allSatisfy({ $0 >= 0 && $0 < 1 << 31 }), pads[0] == 0, pads[1] == 0, pads[rank] == 0, pads[rank + 1] == 0 else { continue }
            let own = graph.string(node, "auto_pad") == "VALID" ? nil : graph.ints(node, "pads")
            let spatial = Array(pads[2..<rank] + pads[(rank + 2)...])
            guard own == nil || own?.count == spatial.count else { continue }
            log.did("\(graph.label(pad)) into \(graph.label(node))")
            graph.setInput(node, 0, graph.nodes[pad].inputs[0])
            graph.setAttribute(node, "auto_pad", nil)
            graph.setAttribute(node, "pads", .ints(zip(spatial, own ?? [Int](repeating: 0, count: spatial.count)).map { Int64($0 + $1) }))
        }
    }

    /// The pads of all axes of a Pad with zeros: beginnings, then ends.
    private static func zeroPads(_ node: NodeID, _ graph: GraphEditor) -> [Int]? {
        let record = graph.nodes[node]
        guard graph.string(node, "mode") ?? "constant" == "constant" else { return nil }
        if record.opset < 11 {
            return graph.float(node, "value") ?? 0 == 0 ? graph.ints(node, "pads") : nil
        }
        let value = graph.input(node, 2)
        guard value < 0 || graph.scalar(value) == 0, let pads = graph.constantInts(graph.input(node, 1)) else { return nil }
        let axesValue = graph.input(node, 3)
        if axesValue < 0 { return pads }
        guard let axes = graph.constantInts(axesValue), let rank = graph.rank(record.inputs[0]), pads.count == 2 * axes.count else { return nil }
        var all = [Int](repeating: 0, count: 2 * rank)
        for (index, axis) in axes.enumerated() {
            let at = axis < 0 ? axis + rank : axis
            guard at >= 0, at < rank else { return nil }
            all[at] = pads[index]
            all[rank + at] = pads[axes.count + index]
        }
        return all
    }
}
