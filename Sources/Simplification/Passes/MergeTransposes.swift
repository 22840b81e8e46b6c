internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes one Transpose of two in a row, or none where they cancel.
///
/// Applies to Transposes with known permutations. A Transpose of a matrix in front of a Gemm becomes its `transA` or `transB`; one that moves only
/// axes of size 1, beside a Reshape or its like, becomes a Reshape, which `MergeReshapes` joins with the other.
enum MergeTransposes: GraphPass {
    static let name = "merge-transposes"
    static let summary = "Transposes in a row become one, those in front of Gemm its attributes"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .transpose) {
            guard let middle = graph.nodes[node].inputs.first, let inner = graph.maker(middle, .transpose), let source = graph.nodes[inner].inputs.first,
                source >= 0, let outer = permutation(node, graph), let first = permutation(inner, graph), outer.count == first.count
            else { continue }
            let merged = outer.map { first[$0] }, output = graph.nodes[node].outputs[0]
            log.did("\(graph.label(inner)) and \(graph.label(node))")
            if merged == Array(merged.indices), graph.canReplace(output, with: source) {
                graph.replace(output, with: source)
                graph.remove(node)
            } else {
                graph.setInput(node, 0, source)
                graph.setAttribute(node, "perm", .ints(merged.map(Int64.init)))
            }
        }
        for node in graph.nodes(of: .transpose) { makeReshape(node, graph, &log) }
        for node in graph.nodes(of: .gemm) { foldIntoGemm(node, graph, &log) }
    }

    private static func permutation(_ node: NodeID, _ graph: GraphEditor) -> [Int]? {
        let perm = graph.ints(node, "perm") ?? graph.rank(graph.nodes[node].inputs[0]).map { Array((0..<$0).reversed()) }
        guard let perm, perm.sorted() == Array(perm.indices) else { return nil }
        return perm
    }

    /// A Transpose that moves only axes of size 1 leaves every element where it is: beside a Reshape it is one too.
    private static func makeReshape(_ node: NodeID, _ graph: GraphEditor, _ log: inout PassLog) {
        let record = graph.nodes[node], reshapes: Set<OperatorKind> = [.reshape, .flatten, .squeeze, .unsqueeze]
        guard record.opset >= 5, !graph.setting.isFunction, let source = record.inputs.first, source >= 0, let output = record.outputs.first, output >= 0,
            let dims = graph.dims(source), let perm = permutation(node, graph), perm.count == dims.count
        else { return }
        let moved = perm.filter { dims[$0] != 1 }
        guard moved == moved.sorted(), let target = graph.target(of: output, from: source) else { return }
        let isBehind = graph.hasOneUse(source) && graph.maker(source).map { reshapes.contains(graph.nodes[$0].kind) } ?? false
        let isBefore = graph.onlyUser(output).map { reshapes.contains(graph.nodes[$0].kind) && graph.nodes[$0].inputs[0] == output } ?? false
        guard isBehind || isBefore else { return }
        log.did("\(graph.label(node)) moves only axes of size 1")
        graph.rewrite(node, as: .reshape, [source, graph.addConstant(.int64Vector(target), in: record.graph)])
    }

    private static func foldIntoGemm(_ node: NodeID, _ graph: GraphEditor, _ log: inout PassLog) {
        for (index, attribute) in [(0, "transA"), (1, "transB")] as [(Int, Name)] {
            guard let inner = graph.maker(graph.input(node, index), .transpose), graph.hasOneUse(graph.nodes[inner].outputs[0]),
                permutation(inner, graph) == [1, 0]
            else { continue }
            log.did("\(graph.label(inner)) into \(graph.label(node))")
            graph.setInput(node, index, graph.nodes[inner].inputs[0])
            let isTransposed = graph.int(node, attribute) ?? 0 != 0
            graph.setAttribute(node, attribute, isTransposed ? nil : .int(1))
        }
    }
}
