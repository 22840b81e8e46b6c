internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes a Gemm of a MatMul and the Add behind it.
///
///     Add(MatMul(a, b), c)               becomes      Gemm(a, b, c)
///     Add(Reshape(MatMul(a, b)), c)      becomes      Reshape(Gemm(a, b, c))
///     MatMul(a, Transpose(b))            becomes      Gemm(a, b; transB)
///
/// Applies where a and b are matrices in FLOAT or DOUBLE, c can be broadcast to the product's shape without widening it, and nobody else reads the product. Behind
/// a Reshape c has one number per column, and the Reshape keeps the columns as its last axis. With more dims it does not pay: a Gemm would need a Reshape on
/// either side.
enum FuseMatMulAdd: GraphPass {
    static let name = "fuse-matmul-add"
    static let summary = "MatMul of matrices becomes a Gemm with the Add behind it or a Transpose before it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .add) where graph.nodes[node].opset >= 7 && graph.nodes[node].inputs.count == 2 {
            let inputs = graph.nodes[node].inputs
            for index in [0, 1] where inputs[0] != inputs[1] {
                if fuse(node, inputs[index], inputs[1 - index], graph, &log) || fuseBehindReshape(node, inputs[index], inputs[1 - index], graph, &log) { break }
            }
        }
        for node in graph.nodes(of: .matMul) where graph.nodes[node].opset >= 7 { fuseTranspose(node, graph, &log) }
    }

    private static func fuse(_ node: NodeID, _ product: ValueID, _ c: ValueID, _ graph: GraphEditor, _ log: inout PassLog) -> Bool {
        guard let (maker, a, b) = matrices(of: product, graph), graph.onlyUser(product) == node, graph.broadcastsInto(c, product) else { return false }
        log.did("\(graph.label(maker)) and \(graph.label(node))")
        graph.rewrite(node, as: .gemm, [a, b, c])
        graph.remove(maker)
        return true
    }

    private static func fuseBehindReshape(_ node: NodeID, _ value: ValueID, _ c: ValueID, _ graph: GraphEditor, _ log: inout PassLog) -> Bool {
        guard !graph.setting.isFunction, let reshape = graph.maker(value, .reshape), graph.onlyUser(value) == node, let product = graph.nodes[reshape].inputs.first,
            let (maker, a, b) = matrices(of: product, graph), graph.onlyUser(product) == reshape, let columns = graph.dims(product)?.last?.value, columns > 1,
            let dims = graph.dims(value), dims.count >= 2, dims.last?.value == columns, graph.isConstant(c), let bias = graph.fixedDims(c), bias.count <= dims.count,
            bias.last == columns, bias.dropLast().allSatisfy({ $0 == 1 }), let vector = vector(c, columns, node, graph)
        else { return false }
        log.did("\(graph.label(maker)) and, behind its Reshape, \(graph.label(node))")
        let gemm = graph.addNode(.gemm, [a, b, vector], in: graph.nodes[maker].graph, near: maker)
        graph.setInput(reshape, 0, graph.nodes[gemm].outputs[0])
        graph.takeOver(graph.nodes[node].outputs[0], reshape)
        graph.remove(maker)
        return true
    }

    /// A constant of the shape [.., 1, columns] as a vector.
    private static func vector(_ value: ValueID, _ columns: Int, _ node: NodeID, _ graph: GraphEditor) -> ValueID? {
        guard let tensor = graph.constant(value) else { return nil }
        if tensor.dims.count <= 2 { return value }
        guard graph.hasOneUse(value) else { return nil }
        return graph.addConstant(Tensor(tensor.elementType, dims: [columns], encoding: tensor.encoding), in: graph.nodes[node].graph)
    }

    private static func fuseTranspose(_ node: NodeID, _ graph: GraphEditor, _ log: inout PassLog) {
        guard let output = graph.nodes[node].outputs.first, let (_, a, b) = matrices(of: output, graph), let transposed = graph.maker(b, .transpose), graph.hasOneUse(b),
            !graph.values[output].isPinned
        else { return }
        log.did("\(graph.label(transposed)) into \(graph.label(node))")
        graph.rewrite(node, as: .gemm, [a, graph.nodes[transposed].inputs[0]], [Attribute("transB", .int(1))])
    }

    /// The MatMul of two matrices that makes a value.
    private static func matrices(of product: ValueID, _ graph: GraphEditor) -> (node: NodeID, a: ValueID, b: ValueID)? {
        guard let maker = graph.maker(product, .matMul), graph.nodes[maker].inputs.count == 2 else { return nil }
        let a = graph.nodes[maker].inputs[0], b = graph.nodes[maker].inputs[1]
        // ONNX Runtime's Gemm takes these types on every processor.
        guard graph.rank(a) == 2, graph.rank(b) == 2, graph.isWideFloat(a) else { return nil }
        return (maker, a, b)
    }
}
