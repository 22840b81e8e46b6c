import ModelGraph
import Simplification
import Tensors
import TestSupport
import Testing

/// Constants that are there twice, as they are or transposed, and values that are assigned piece by piece.
struct SharingTests {
    private func weights(_ rows: Int, _ columns: Int, transposed: Bool = false) -> [Float] {
        let plain = (0..<rows * columns).map { Float(($0 * 37) % 1000) / 500 - 1 }
        return transposed ? (0..<columns).flatMap { column in (0..<rows).map { plain[$0 * columns + column] } } : plain
    }

    private func model(_ rows: Int, _ columns: Int, second: Node, dims: [Int64]) -> Model {
        .of(
            [Node("MatMul", inputs: ["x", "w"], outputs: ["a"]), second], [.floats("w", [rows, columns], weights(rows, columns)), .floats("v", [columns, rows], weights(rows, columns, transposed: true))],
            inputs: ["x": dims + [Int64(rows)]])
    }

    /// As tied embeddings are exported.
    @Test func keepsATransposedMatrixOnce() throws {
        let simple = try checked(model(32, 24, second: Node("MatMul", inputs: ["a", "v"], outputs: ["y"]), dims: [2, 3]))
        #expect(simple.graph.initializers.map(\.dims) == [[32, 24]])
        #expect(Set(simple.operators) == ["MatMul", "Transpose"])
        #expect(simple.operators.count == 3)
    }

    @Test func letsGemmReadIt() throws {
        let gemm = Node("Gemm", inputs: ["a", "v"], outputs: ["y"], attributes: [Attribute("transB", .int(0))])
        let simple = try checked(model(32, 24, second: gemm, dims: [3]))
        #expect(simple.graph.initializers.count == 1)
        #expect(simple.operators == ["MatMul", "Gemm"])
        // A product of matrices becomes one.
        #expect(try checked(model(32, 24, second: Node("MatMul", inputs: ["a", "v"], outputs: ["y"]), dims: [3])).operators == ["MatMul", "Gemm"])
    }

    @Test func leavesSmallAndOtherMatrices() throws {
        #expect(try checked(model(8, 4, second: Node("MatMul", inputs: ["a", "v"], outputs: ["y"]), dims: [2, 3])).graph.initializers.count == 2)
        var other = model(32, 24, second: Node("MatMul", inputs: ["a", "v"], outputs: ["y"]), dims: [2, 3])
        var values = weights(32, 24, transposed: true)
        values[5] += 1
        other.graph.initializers[1] = .floats("v", [24, 32], values)
        #expect(try checked(other).graph.initializers.count == 2)
    }

    @Test func keepsCopiesInBranchesOnce() throws {
        let matrix = Tensor.floats("w", [32, 24], weights(32, 24)), mirrored = Tensor.floats("v", [24, 32], weights(32, 24, transposed: true))
        func branch(_ constant: Tensor, _ nodes: [Node]) -> Graph { Graph(name: "b", nodes: nodes, outputs: [ValueInfo(name: "o", type: .tensor(.float))], initializers: [constant]) }
        let left = branch(mirrored, [Node("MatMul", inputs: ["a", "v"], outputs: ["o"])]), right = branch(.weights("u", [24, 32], seed: 5), [Node("MatMul", inputs: ["a", "u"], outputs: ["o"])])
        let choice = Node("If", inputs: ["b"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(left)), Attribute("else_branch", .graph(right))])
        let simple = try checked(.of([Node("MatMul", inputs: ["x", "w"], outputs: ["a"]), choice], [matrix], inputs: ["x": [2, 3, 32], "b": []]))
        guard case .graph(let taken)? = simple.graph.nodes.last?.attribute("then_branch")?.value else { Issue.record("no branch"); return }
        #expect(taken.initializers.isEmpty && taken.nodes.map(\.opType) == ["Transpose", "MatMul"])
    }

    // MARK: scatters

    /// y[:, from:to] of [2, 6, 3].
    private func places(_ name: Name, _ range: Range<Int64>) -> Tensor {
        let rows = (0..<2).flatMap { a in range.flatMap { b in (0..<3).flatMap { c in [Int64(a), b, Int64(c)] } } }
        return .ints(name, [2, range.count, 3, 3], rows)
    }

    @Test func makesAConcatOfAssignedSlices() throws {
        let nodes = [
            Node("ScatterND", inputs: ["x", "i0", "p"], outputs: ["a"]), Node("Slice", inputs: ["a", "two", "six", "axis"], outputs: ["rest"]), Node("Relu", inputs: ["rest"], outputs: ["q"]),
            Node("ScatterND", inputs: ["a", "i1", "q"], outputs: ["y"]),
        ]
        let constants = [places("i0", 0..<2), places("i1", 2..<6), .ints("two", [1], [2]), .ints("six", [1], [6]), .ints("axis", [1], [1])]
        #expect(try checked(.of(nodes, constants, inputs: ["x": [2, 6, 3], "p": [2, 2, 3]])).operators == ["Slice", "Relu", "Concat"])
        // A hole, a sum.
        #expect(try checked(.of(nodes, [places("i0", 0..<1)] + constants.dropFirst(), inputs: ["x": [2, 6, 3], "p": [2, 1, 3]])).operators.count == 4)
        var sum = nodes
        sum[0].attributes = [Attribute("reduction", .string(Array("add".utf8)))]
        #expect(try checked(.of(sum, constants, inputs: ["x": [2, 6, 3], "p": [2, 2, 3]])).operators.count == 4)
    }

    @Test func readsPastAssignedPlaces() throws {
        let nodes = [
            Node("ScatterND", inputs: ["x", "i", "p"], outputs: ["a"]), Node("Gather", inputs: ["a", "one"], outputs: ["g"], attributes: [Attribute("axis", .int(0))]), Node("Exp", inputs: ["g"], outputs: ["y"]),
        ]
        let constants: [Tensor] = [.ints("i", [1, 1], [0]), .ints("one", [], [1])]
        #expect(try checked(.of(nodes, constants, inputs: ["x": [3, 4], "p": [1, 4]])).operators == ["Gather", "Exp"])
        #expect(try checked(.of(nodes, [.ints("i", [1, 1], [1]), constants[1]], inputs: ["x": [3, 4], "p": [1, 4]])).operators.count == 3)
    }

    @Test func takesWhatIsAssignedToAll() throws {
        let nodes = [Node("Relu", inputs: ["p"], outputs: ["r"]), Node("ScatterND", inputs: ["x", "i", "r"], outputs: ["y"])]
        #expect(try checked(.of(nodes, [.ints("i", [3, 1], [0, 1, 2])], inputs: ["x": [3, 4], "p": [3, 4]])).operators == ["Relu"])
        #expect(try checked(.of(nodes, [.ints("i", [3, 1], [0, 2, 1])], inputs: ["x": [3, 4], "p": [3, 4]])).operators.count == 2)
    }
}
