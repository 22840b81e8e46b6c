internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes one sum or product with a constant of two in a row.
///
///     Add(Add(x, a), b)      becomes      Add(x, a + b);      Mul likewise
///
/// Applies to FLOAT and DOUBLE where nobody else reads the first result, neither constant widens what it is combined with, and the merged one is no
/// larger than the larger of the two. Leaves alone constants that nearly cancel, as the rounding of the sum would show.
enum MergeArithmetic: GraphPass {
    static let name = "merge-arithmetic"
    static let summary = "two sums or two products with constants become one"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .add, .mul) where graph.nodes[node].opset >= 7 {
            guard let outer = graph.constantOperand(of: node), let inner = graph.maker(outer.data, graph.nodes[node].kind), graph.onlyUser(outer.data) == node,
                let first = graph.constantOperand(of: inner), graph.isWideFloat(first.data), graph.broadcastsInto(first.constant, first.data),
                graph.broadcastsInto(outer.constant, outer.data), let a = graph.constant(first.constant), let b = graph.constant(outer.constant),
                let merged = try merge(a, b, isSum: graph.nodes[node].kind == .add)
            else { continue }
            log.did("\(graph.label(inner)) and \(graph.label(node))")
            let constant = graph.addConstant(merged, in: graph.nodes[node].graph)
            graph.setInputs(node, [first.data, constant])
        }
    }

    private static func merge(_ a: Tensor, _ b: Tensor, isSum: Bool) throws -> Tensor? {
        let (small, large) = (a.elementCount ?? 0) <= (b.elementCount ?? 0) ? (a, b) : (b, a)
        guard let count = large.elementCount, count <= 1 << 16, small.elementType == large.elementType, small.elementCount == 1 || small.dims == large.dims,
            large.dims.count >= small.dims.count
        else { return nil }
        let x = try small.doubles(), y = try large.doubles()
        var result: [Double] = []
        for index in y.indices {
            let other = x.count == 1 ? x[0] : x[index], value = isSum ? y[index] + other : y[index] * other
            guard value.isFinite, !isSum || abs(value) >= 0.125 * max(abs(y[index]), abs(other)), isSum || value.isNormal || value == 0 && (y[index] == 0 || other == 0)
            else { return nil }
            result.append(value)
        }
        return try .real(result, large.elementType, dims: large.dims)
    }
}

extension GraphEditor {
    /// Of a node with two operands the constant one and the other; nil unless exactly one is constant.
    func constantOperand(of node: NodeID) -> (constant: ValueID, data: ValueID)? {
        let inputs = nodes[node].inputs
        guard inputs.count == 2, inputs[0] >= 0, inputs[1] >= 0, isConstant(inputs[0]) != isConstant(inputs[1]) else { return nil }
        return isConstant(inputs[0]) ? (inputs[0], inputs[1]) : (inputs[1], inputs[0])
    }
}
