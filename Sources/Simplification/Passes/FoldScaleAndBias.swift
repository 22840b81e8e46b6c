internal import ModelGraph
internal import Operators
internal import Tensors

/// Takes a product or sum with a constant per channel into the Conv, ConvTranspose, Gemm or MatMul that feeds it.
///
///     x → Conv(W, b) → Mul(s) → y      becomes      x → Conv(s·W, s·b) → y;      Div likewise, Add and Sub go into b
///
/// Applies when the linear node feeds only this one, and the constant is one number or one per output channel, in FLOAT or DOUBLE. A MatMul takes
/// products only (see `FuseMatMulAdd`). Leaves alone weights that other nodes read, and a constant that would widen the result.
enum FoldScaleAndBias: GraphPass {
    static let name = "fold-scale-and-bias"
    static let summary = "sums and products with a constant per channel become part of the Conv, ConvTranspose, Gemm or MatMul before"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .mul, .div, .add, .sub) where graph.nodes[node].opset >= 7 {
            guard let (maker, constant, isFirst) = operands(of: node, graph), let linear = LinearNode(maker, graph) else { continue }
            let record = graph.nodes[node], output = record.outputs[0]
            guard !graph.values[output].isPinned, let values = linear.channelValues(constant, graph) else { continue }
            let isProduct = record.kind == .mul || record.kind == .div
            guard isProduct || graph.nodes[maker].kind != .matMul else { continue }
            var factor: [Double]?, shift: [Double]?
            switch record.kind {
            case .mul: factor = values
            case .div where !isFirst: factor = values.map { 1 / $0 }
            case .add: shift = values
            case .sub where !isFirst: shift = values.map { -$0 }
            case .sub: (factor, shift) = (values.map { _ in -1 }, values)
            default: continue
            }
            guard factor?.allSatisfy(\.isFinite) ?? true, factor == nil || factor?.contains(0) == false else { continue }
            log.did("\(graph.label(node)) into \(graph.label(maker))")
            try linear.apply(factor: factor, shift: shift, output: output, graph)
        }
    }

    /// The node that makes the one operand, and the other, a constant; whether the constant comes first.
    private static func operands(of node: NodeID, _ graph: GraphEditor) -> (maker: NodeID, constant: ValueID, isFirst: Bool)? {
        let inputs = graph.nodes[node].inputs
        guard inputs.count == 2 else { return nil }
        for index in [1, 0] where graph.isConstant(inputs[index]) {
            guard let maker = graph.maker(inputs[1 - index]), [.conv, .convTranspose, .gemm, .matMul].contains(graph.nodes[maker].kind),
                graph.onlyUser(inputs[1 - index]) == node
            else { continue }
            return (maker, inputs[index], index == 0)
        }
        return nil
    }
}
