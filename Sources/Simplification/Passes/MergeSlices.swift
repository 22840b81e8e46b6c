internal import ModelGraph
internal import Tensors

/// Makes one Slice of two in a row.
///
/// Applies where both have constant bounds on different axes, no axis of either is counted from the end without the rank being known, and nobody
/// else reads the first. Operator sets from 10 on, where the bounds are inputs.
enum MergeSlices: GraphPass {
    static let name = "merge-slices"
    static let summary = "Slices of different axes in a row become one"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard !graph.setting.isFunction else { return }
        for node in graph.nodes(of: .slice) where graph.nodes[node].opset >= 10 {
            let middle = graph.nodes[node].inputs[0]
            guard let inner = graph.maker(middle, .slice), graph.hasOneUse(middle), let first = graph.slice(inner), let second = graph.slice(node) else { continue }
            let source = graph.nodes[inner].inputs[0], rank = graph.rank(source)
            func axes(_ axes: [Int]) -> [Int]? {
                var result: [Int] = []
                for axis in axes {
                    guard axis >= 0 || rank != nil else { return nil }
                    result.append(axis < 0 ? axis + (rank ?? 0) : axis)
                }
                return result
            }
            guard let a = axes(first.axes), let b = axes(second.axes), Set(a).isDisjoint(with: b) else { continue }
            log.did("\(graph.label(inner)) and \(graph.label(node))")
            let place = graph.nodes[node].graph
            let lists = [first.starts + second.starts, first.ends + second.ends, a + b] + ((first.steps + second.steps).allSatisfy { $0 == 1 } ? [] : [first.steps + second.steps])
            graph.rewrite(node, as: .slice, [source] + lists.map { graph.addConstant(.int64Vector($0), in: place) })
        }
    }
}
