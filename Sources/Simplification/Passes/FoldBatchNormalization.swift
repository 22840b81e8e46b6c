internal import ModelGraph
internal import Operators
internal import Tensors

/// Takes a BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul that feeds it.
///
///     x → Conv(W, b) → BatchNormalization(γ, β, μ, σ²) → y      becomes      x → Conv(s·W, s·(b - μ) + β) → y,  s = γ / √(σ² + ε)
///
/// Applies when the linear node feeds only this one, all parameters are constants in FLOAT or DOUBLE, statistics are not updated, and channels are those
/// of the weight. A MatMul becomes a Gemm where its input is a matrix. Guarantees equal results but for rounding. Changes weights: those that other nodes
/// read are left alone.
enum FoldBatchNormalization: GraphPass {
    static let name = "fold-batch-normalization"
    static let summary = "BatchNormalization becomes part of the Conv, ConvTranspose, Gemm or MatMul before it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .batchNormalization) {
            guard let (factor, shift) = parameters(of: node, graph), let maker = graph.maker(graph.nodes[node].inputs[0]),
                graph.onlyUser(graph.nodes[node].inputs[0]) == node, !graph.values[graph.nodes[node].outputs[0]].isPinned,
                let linear = LinearNode(maker, graph), linear.channels == factor.count,
                linear.axis == 1 || graph.rank(graph.nodes[node].inputs[0]) == 2
            else { continue }
            if graph.nodes[maker].kind == .matMul {
                guard graph.rank(graph.nodes[maker].inputs[0]) == 2, graph.opset >= 7 else { continue }
                let output = graph.nodes[node].outputs[0], inputs = graph.nodes[maker].inputs
                log.did("\(graph.label(node)) into \(graph.label(maker))")
                let gemm = graph.rewrite(maker, as: .gemm, inputs)
                guard let linear = LinearNode(gemm, graph) else { continue }
                try linear.apply(factor: factor, shift: shift, output: output, graph)
                continue
            }
            log.did("\(graph.label(node)) into \(graph.label(maker))")
            try linear.apply(factor: factor, shift: shift, output: graph.nodes[node].outputs[0], graph)
        }
    }

    /// What a BatchNormalization multiplies each channel by and then adds; nil if it is not fixed.
    private static func parameters(of node: NodeID, _ graph: GraphEditor) -> (factor: [Double], shift: [Double])? {
        let record = graph.nodes[node]
        guard record.inputs.count == 5, record.outputs.dropFirst().allSatisfy({ $0 < 0 || graph.values[$0].users.isEmpty }), record.outputs.first ?? -1 >= 0,
            graph.int(node, "training_mode") ?? 0 == 0, record.opset >= 9 || graph.int(node, "spatial") ?? 1 == 1,
            record.opset >= 7 || graph.int(node, "is_test") == 1
        else { return nil }
        var lists: [[Double]] = []
        for value in record.inputs.dropFirst() {
            guard let tensor = graph.constant(value), [.float, .double].contains(tensor.elementType), tensor.dims.count == 1, let numbers = try? tensor.doubles() else { return nil }
            lists.append(numbers)
        }
        guard Set(lists.map(\.count)).count == 1 else { return nil }
        let epsilon = Double(graph.float(node, "epsilon") ?? 1e-5)
        let factor = zip(lists[0], lists[3]).map { $0 / ($1 + epsilon).squareRoot() }
        let shift = factor.indices.map { lists[1][$0] - lists[2][$0] * factor[$0] }
        return factor.allSatisfy(\.isFinite) && shift.allSatisfy(\.isFinite) ? (factor, shift) : nil
    }
}
