internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes one of two nodes in a row that only change dims: Reshape, Flatten, Squeeze, Unsqueeze.
///
/// Applies where the second one's result has, for sure, dims that one Reshape of the first one's input gives; the two cancel where they are that
/// input's. Two Unsqueezes become one whatever the dims. The first one stays if others read it. Leaves alone what inference cannot tell.
enum MergeReshapes: GraphPass {
    static let name = "merge-reshapes"
    static let summary = "Reshape, Flatten, Squeeze and Unsqueeze in a row become one or cancel"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .reshape, .flatten, .squeeze, .unsqueeze) {
            guard let middle = graph.nodes[node].inputs.first, middle >= 0, let inner = graph.maker(middle),
                [.reshape, .flatten, .squeeze, .unsqueeze].contains(graph.nodes[inner].kind), let source = graph.nodes[inner].inputs.first, source >= 0,
                let output = graph.nodes[node].outputs.first, output >= 0
            else { continue }
            if graph.haveSameDims(source, output), graph.canReplace(output, with: source) {
                log.did("\(graph.label(inner)) and \(graph.label(node)) cancel")
                graph.replace(output, with: source)
                graph.remove(node)
            } else if readsThrough(node, source, middle, graph) {
                log.did("\(graph.label(node)) takes in \(graph.label(inner))")
                graph.setInput(node, 0, source)
            } else if graph.hasOneUse(middle), mergeUnsqueezes(node, inner, graph) || mergeByTarget(node, source, output, graph) {
                log.did("\(graph.label(inner)) and the one behind it are one")
            }
        }
    }

    /// A Reshape to a constant target means the same for the first one's input, unless it copies a dim that differs there.
    private static func readsThrough(_ node: NodeID, _ source: ValueID, _ middle: ValueID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        guard record.kind == .reshape, let target = record.opset >= 5 ? graph.constantInts(graph.input(node, 1)) : graph.ints(node, "shape") else { return false }
        if graph.int(node, "allowzero") ?? 0 != 0 { return true }
        guard target.contains(0) else { return true }
        guard let inner = graph.dims(middle), let outer = graph.dims(source) else { return false }
        return target.indices.allSatisfy { axis in
            target[axis] != 0 || axis < inner.count && axis < outer.count && inner[axis].isSame(as: outer[axis])
        }
    }

    private static func mergeByTarget(_ node: NodeID, _ source: ValueID, _ output: ValueID, _ graph: GraphEditor) -> Bool {
        let record = graph.nodes[node]
        guard record.opset >= 5, let target = graph.target(of: output, from: source) else { return false }
        // A function has no initializers: the target would be a node of its own.
        if graph.setting.isFunction { return false }
        graph.rewrite(node, as: .reshape, [source, graph.addConstant(.int64Vector(target), in: record.graph)])
        return true
    }

    /// The axes of two Unsqueezes as axes of the last result.
    private static func mergeUnsqueezes(_ node: NodeID, _ inner: NodeID, _ graph: GraphEditor) -> Bool {
        guard graph.nodes[node].kind == .unsqueeze, graph.nodes[inner].kind == .unsqueeze, graph.nodes[node].opset >= 13 || graph.ints(node, "axes") != nil,
            let first = graph.intList(inner, attribute: "axes", input: 1) ?? nil, let second = graph.intList(node, attribute: "axes", input: 1) ?? nil,
            let rank = graph.rank(graph.nodes[inner].inputs[0])
        else { return false }
        let middleRank = rank + first.count, endRank = middleRank + second.count
        let a = Set(first.map { $0 < 0 ? $0 + middleRank : $0 }), b = Set(second.map { $0 < 0 ? $0 + endRank : $0 })
        let kept = (0..<endRank).filter { !b.contains($0) }
        guard kept.count == middleRank, a.allSatisfy({ $0 >= 0 && $0 < middleRank }) else { return false }
        let axes = (Array(b) + a.map { kept[$0] }).sorted(), source = graph.nodes[inner].inputs[0]
        if graph.nodes[node].opset < 13 {
            graph.rewrite(node, as: .unsqueeze, [source], [Attribute("axes", .ints(axes.map(Int64.init)))])
        } else {
            if graph.setting.isFunction { return false }
            graph.rewrite(node, as: .unsqueeze, [source, graph.addConstant(.int64Vector(axes), in: graph.nodes[node].graph)])
        }
        return true
    }
}
