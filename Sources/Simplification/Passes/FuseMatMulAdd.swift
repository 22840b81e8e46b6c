internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes a Gemm of a MatMul and the Add behind it.
///
///     Add(MatMul(a, b), c)      becomes      Gemm(a, b, c)
///
/// Applies where a and b are matrices, c can be broadcast to the product's shape without widening it, and nobody else reads the product. With more
/// dims it does not pay: a Gemm would need a Reshape on either side.
enum FuseMatMulAdd: GraphPass {
    static let name = "fuse-matmul-add"
    static let summary = "MatMul and Add of matrices become a Gemm"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .add) where graph.nodes[node].opset >= 7 && graph.nodes[node].inputs.count == 2 {
            let inputs = graph.nodes[node].inputs
            for index in [0, 1] {
                guard let maker = graph.maker(inputs[index], .matMul), graph.onlyUser(inputs[index]) == node, graph.nodes[maker].inputs.count == 2 else { continue }
                let a = graph.nodes[maker].inputs[0], b = graph.nodes[maker].inputs[1], c = inputs[1 - index]
                guard graph.rank(a) == 2, graph.rank(b) == 2, isGemmType(graph.elementType(a), opset: graph.opset), graph.broadcastsInto(c, inputs[index]),
                    inputs[0] != inputs[1]
                else { continue }
                log.did("\(graph.label(maker)) and \(graph.label(node))")
                graph.rewrite(node, as: .gemm, [a, b, c])
                graph.remove(maker)
                break
            }
        }
    }

    /// ONNX Runtime's Gemm takes these on every processor.
    private static func isGemmType(_ type: ElementType?, opset: Int) -> Bool { type == .float || type == .double }
}
