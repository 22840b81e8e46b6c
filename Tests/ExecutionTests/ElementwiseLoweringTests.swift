@testable import Execution
import ModelGraph
import Tensors
import TestSupport
import Testing

/// Chains of elementwise nodes, what they become part of, and what is moved or quantized around them, beside the general kernels.
@Suite struct ElementwiseLoweringTests {
    private func sessions(_ graph: Graph) throws -> (fast: Session, slow: Session) {
        var fast = Session.Options(threads: 2), slow = Session.Options(threads: 1)
        (fast.execution, slow.execution) = (.programs, .nodes)
        return (try Session(model(graph, opset: 20), options: fast), try Session(model(graph, opset: 20), options: slow))
    }

    private func numbers(_ dims: [Int], _ random: inout SeededRandom) -> [Float] {
        (0..<dims.reduce(1, *)).map { _ in Float.random(in: -3...3, using: &random) }
    }

    /// Expects the same of both, and gives the operators of each step.
    @discardableResult
    private func compare(_ graph: Graph, _ inputs: [Name: Value], within limit: Float = 2e-6) throws -> [[Name?]] {
        let (fast, slow) = try sessions(graph)
        for (a, b) in zip(try fast.run(inputs), try slow.run(inputs)) {
            let (left, right) = (try #require(a.tensor), try #require(b.tensor))
            #expect(left.dims == right.dims && left.elementType == right.elementType)
            if left.elementType != .float { #expect(left == right) } else {
                for (i, j) in zip(try a.floats, try b.floats) { #expect(abs(i - j) <= limit * (1 + abs(j))) }
            }
        }
        var found: [[Name?]] = []
        try fast.profile(inputs) { nodes, _ in found.append(nodes.map(\.opType)) }
        return found
    }

    private func small(_ values: [Int32], dims: [Int], name: Name? = nil) -> Tensor {
        let bytes = values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * Int32($0))) } }
        return Tensor(name: name, .int32, dims: dims, bytes: TensorBytes(bytes))
    }

    private func graph(_ nodes: [Node], _ constants: [Tensor] = [], inputs: [ValueInfo] = [info("x", .tensor(.float, nil))], outputs: [Name] = ["y"]) -> Graph {
        Graph(nodes: nodes, inputs: inputs, outputs: outputs.map { info($0) }, initializers: constants)
    }

    /// x / 2 · (1 + tanh(…)) in three orders, x / 2 · (1 + erf(…)) in two.
    static let activations: [[Node]] = [
        [
            Node("Mul", inputs: ["k", "x"], outputs: ["1"]), Node("Mul", inputs: ["x", "1"], outputs: ["2"]), Node("Mul", inputs: ["x", "2"], outputs: ["3"]),
            Node("Add", inputs: ["x", "3"], outputs: ["4"]), Node("Mul", inputs: ["r", "4"], outputs: ["5"]), Node("Tanh", inputs: ["5"], outputs: ["6"]),
            Node("Add", inputs: ["one", "6"], outputs: ["7"]), Node("Mul", inputs: ["half", "7"], outputs: ["8"]), Node("Mul", inputs: ["x", "8"], outputs: ["y"]),
        ],
        [
            Node("Mul", inputs: ["x", "half"], outputs: ["h"]), Node("Pow", inputs: ["x", "three"], outputs: ["1"]), Node("Mul", inputs: ["1", "k"], outputs: ["2"]),
            Node("Add", inputs: ["2", "x"], outputs: ["3"]), Node("Mul", inputs: ["3", "r"], outputs: ["4"]), Node("Tanh", inputs: ["4"], outputs: ["5"]),
            Node("Add", inputs: ["5", "one"], outputs: ["6"]), Node("Mul", inputs: ["h", "6"], outputs: ["y"]),
        ],
        [
            Node("Div", inputs: ["x", "root"], outputs: ["1"]), Node("Erf", inputs: ["1"], outputs: ["2"]), Node("Add", inputs: ["2", "one"], outputs: ["3"]),
            Node("Mul", inputs: ["x", "3"], outputs: ["4"]), Node("Mul", inputs: ["4", "half"], outputs: ["y"]),
        ],
        [
            Node("Mul", inputs: ["x", "half"], outputs: ["h"]), Node("Div", inputs: ["x", "root"], outputs: ["1"]), Node("Erf", inputs: ["1"], outputs: ["2"]),
            Node("Add", inputs: ["2", "one"], outputs: ["3"]), Node("Mul", inputs: ["h", "3"], outputs: ["y"]),
        ],
    ]
    private var constants: [Tensor] {
        [("k", 0.044715), ("r", 0.79788456), ("one", 1), ("half", 0.5), ("three", 3), ("root", 1.4142135)].map { tensor([$0.1], dims: [], name: $0.0) }
    }

    @Test(arguments: activations) func activationsInSingleNodesAreOneInstruction(nodes: [Node]) throws {
        var random = SeededRandom(seed: 1)
        let x = floats(numbers([5, 37], &random), dims: [5, 37])
        #expect(try compare(graph(nodes, constants), ["x": x]).count == 1)
        // The very bits of the operator that it stands for.
        let kind = nodes.contains { $0.opType == "Tanh" } ? "tanh" : "none"
        let gelu = Node("Gelu", inputs: ["x"], outputs: ["y"], attributes: [Attribute("approximate", .string(Array(kind.utf8)))])
        #expect(try sessions(graph(nodes, constants)).fast.run(["x": x]) == sessions(graph([gelu])).fast.run(["x": x]))
    }

    @Test func whatIsNotQuiteSuchAnActivationStaysWhatItIs() throws {
        var random = SeededRandom(seed: 2)
        let x = floats(numbers([5, 37], &random), dims: [5, 37])
        for (name, value) in [("k", Float(0.05)), ("r", 0.8), ("one", 2), ("half", 0.25), ("three", 2), ("root", 1.5)] {
            let changed = constants.map { $0.name?.text == name ? tensor([value], dims: [], name: Name(name)) : $0 }
            for nodes in Self.activations { try compare(graph(nodes, changed), ["x": x]) }
        }
        // A value in the middle is read by somebody else as well.
        for nodes in Self.activations { try compare(graph(nodes, constants, outputs: ["y", nodes[2].outputs[0]]), ["x": x]) }
    }

    @Test func comparisonsArePartOfWhatMakesNumbersOfThem() throws {
        let ids = info("ids", .tensor(.int32, nil)), table = small([0, 3, 7, -2, 1 << 20], dims: [1, 5], name: "table")
        let nodes = [
            Node("Equal", inputs: ["ids", "table"], outputs: ["same"]), Node("Cast", inputs: ["same"], outputs: ["y"], attributes: [Attribute("to", .int(1))]),
        ]
        let values = Value.tensor(small([3, 1 << 30, (1 << 20) + 1, -2], dims: [4, 1]))
        #expect(try compare(graph(nodes, [table], inputs: [ids]), ["ids": values]) == [["Equal", "Cast"]])
        var random = SeededRandom(seed: 3)
        let x = floats(numbers([3, 20], &random), dims: [3, 20])
        for op: Name in ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"] {
            let nodes = [
                Node(op, inputs: ["x", "zero"], outputs: ["t"]), Node("Not", inputs: ["t"], outputs: ["n"]), Node("Or", inputs: ["t", "n"], outputs: ["o"]),
                Node("Where", inputs: ["t", "x", "zero"], outputs: ["w"]), Node("Where", inputs: ["o", "w", "x"], outputs: ["y"]),
            ]
            #expect(try compare(graph(nodes, [tensor([0], dims: [], name: "zero")]), ["x": x]).count == 1)
        }
        // Truth that is wanted as such.
        try compare(graph([Node("Less", inputs: ["x", "zero"], outputs: ["y"])], [tensor([0], dims: [], name: "zero")]), ["x": x])
    }

    @Test(arguments: [1, 3, 40]) func productsTakeABiasAResidualAndBounds(rows: Int) throws {
        var random = SeededRandom(seed: 4)
        let x = floats(numbers([rows, 24], &random), dims: [rows, 24])
        let weights = [tensor(numbers([24, 24], &random), dims: [24, 24], name: "w"), tensor(numbers([24], &random), dims: [24], name: "b")]
        let product = Node("MatMul", inputs: ["x", "w"], outputs: ["m"])
        let bias = Node("Add", inputs: ["b", "m"], outputs: ["s"]), residual = Node("Add", inputs: ["s", "x"], outputs: ["t"])
        let ends = [
            [product, bias, Node("Relu", inputs: ["s"], outputs: ["y"])], [product, bias, residual, Node("Relu", inputs: ["t"], outputs: ["y"])],
            [product, bias, residual, Node("Sigmoid", inputs: ["t"], outputs: ["y"])], [product, Node("Add", inputs: ["m", "x"], outputs: ["y"])],
            [product, Node("Add", inputs: ["m", "m"], outputs: ["y"])], [product, bias, Node("Mul", inputs: ["s", "m"], outputs: ["y"])],
        ]
        for nodes in ends { #expect(try compare(graph(nodes, weights), ["x": x], within: 2e-5).count <= 2) }
        #expect(try compare(graph(ends[1], weights), ["x": x], within: 2e-5).count == 1)
    }

    @Test func assignmentsToSlicesAreMoves() throws {
        var random = SeededRandom(seed: 5)
        let x = floats(numbers([2, 3, 5], &random), dims: [2, 3, 5])
        // x[1, :, 1:4:2], x[-1], single places, one that is no box, one twice.
        let cases: [(places: [Int64], dims: [Int])] = [
            ([1, 0, 1, 1, 0, 3, 1, 1, 1, 1, 1, 3, 1, 2, 1, 1, 2, 3], [1, 3, 2, 3]), ([-1], [1, 1]), ([0, 2, 4], [3]), ([0, 0, 0, 1, 2, 4, 0, 1, 1], [3, 3]),
            ([1, 1, 1, 1, 1, 1], [2, 3]),
        ]
        for (places, dims) in cases {
            let updates = Array(dims.dropLast()) + [2, 3, 5][dims[dims.count - 1]...]
            // The last of two for one place stays, so all are the same.
            let values = places == [1, 1, 1, 1, 1, 1] ? [7, 7] : numbers(updates, &random)
            let constants = [ints(places, dims: dims, name: "i"), tensor(values, dims: updates, name: "u")]
            try compare(graph([Node("ScatterND", inputs: ["x", "i", "u"], outputs: ["y"])], constants), ["x": x], within: 0)
        }
        let outside = ints([2], dims: [1, 1], name: "i"), update = tensor(numbers([1, 3, 5], &random), dims: [1, 3, 5], name: "u")
        #expect(throws: ModelError.self) { try sessions(graph([Node("ScatterND", inputs: ["x", "i", "u"], outputs: ["y"])], [outside, update])).fast.run(["x": x]) }
    }

    @Test(arguments: [1, 300, 20_000]) func gridsOfComputedValues(count: Int) throws {
        var random = SeededRandom(seed: 6)
        let node = Node("DynamicQuantizeLinear", inputs: ["a"], outputs: ["y", "scale", "zero"])
        for shift: Float in [0, 5, -5] {
            let nodes = [Node("Add", inputs: ["x", "shift"], outputs: ["a"]), node], constants = [tensor([shift], dims: [], name: "shift")]
            let x = floats(numbers([count], &random), dims: [count])
            try compare(graph(nodes, constants, outputs: ["y", "scale", "zero"]), ["x": x], within: 0)
        }
        let zeros = [Node("Mul", inputs: ["x", "none"], outputs: ["a"]), node]
        try compare(graph(zeros, [tensor([0], dims: [], name: "none")], outputs: ["y", "scale", "zero"]), ["x": floats([1, 2, 3], dims: [3])], within: 0)
    }
}
