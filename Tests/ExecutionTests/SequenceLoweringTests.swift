@testable import Execution
import ModelGraph
import Tensors
import TestSupport
import Testing

/// Fast kernels of transformers and audio models beside the general ones.
@Suite struct SequenceLoweringTests {
    private func sessions(_ graph: Graph, opset: Int64 = 17, threads: Int = 2) throws -> (fast: Session, slow: Session) {
        var fast = Session.Options(threads: threads), slow = Session.Options(threads: 1)
        (fast.execution, slow.execution) = (.programs, .nodes)
        return (try Session(model(graph, opset: opset), options: fast), try Session(model(graph, opset: opset), options: slow))
    }

    private func numbers(_ dims: [Int], _ random: inout SeededRandom) -> [Float] {
        (0..<dims.reduce(1, *)).map { _ in Float.random(in: -2...2, using: &random) }
    }

    private func expectEqual(_ graph: Graph, opset: Int64 = 17, _ x: Value, within limit: Float = 1e-5) throws {
        let (fast, slow) = try sessions(graph, opset: opset)
        for (a, b) in zip(try fast.run(["x": x]), try slow.run(["x": x])) {
            #expect(a.tensor?.dims == b.tensor?.dims)
            for (i, j) in zip(try a.floats, try b.floats) { #expect(abs(i - j) <= limit * (1 + abs(j))) }
        }
    }

    private func steps(_ graph: Graph, _ x: Value) throws -> [[Name?]] {
        var found: [[Name?]] = []
        try sessions(graph).fast.profile(["x": x]) { nodes, _ in found.append(nodes.map(\.opType)) }
        return found
    }

    /// A normalization in single nodes; `extra` values of it are outputs, too.
    private func chain(_ dims: [Int], extra: [Name] = [], _ random: inout SeededRandom) -> Graph {
        let axes = [Attribute("axes", .ints([-1]))], columns = [dims[dims.count - 1]]
        let nodes = [
            Node("ReduceMean", inputs: ["x"], outputs: ["m"], attributes: axes), Node("Sub", inputs: ["x", "m"], outputs: ["d"]),
            Node("Pow", inputs: ["d", "two"], outputs: ["q"]), Node("ReduceMean", inputs: ["q"], outputs: ["v"], attributes: axes),
            Node("Add", inputs: ["v", "epsilon"], outputs: ["e"]), Node("Sqrt", inputs: ["e"], outputs: ["s"]),
            Node("Div", inputs: ["d", "s"], outputs: ["n"]), Node("Mul", inputs: ["scale", "n"], outputs: ["k"]), Node("Add", inputs: ["k", "shift"], outputs: ["y"]),
        ]
        let constants = [
            tensor([2], dims: [], name: "two"), tensor([1e-5], dims: [], name: "epsilon"), tensor(numbers(columns, &random), dims: columns, name: "scale"),
            tensor(numbers(columns, &random), dims: columns, name: "shift"),
        ]
        return Graph(nodes: nodes, inputs: [ValueInfo(name: "x", type: .tensor(.float, nil))], outputs: (["y"] + extra).map { info($0) }, initializers: constants)
    }

    @Test(arguments: [[1, 1], [3, 7, 33], [2, 5, 128]]) func normalizationsInSingleNodesAreOneStep(dims: [Int]) throws {
        var random = SeededRandom(seed: UInt64(dims.count))
        let graph = chain(dims, &random), x = floats(numbers(dims, &random), dims: dims)
        try expectEqual(graph, x)
        #expect(try steps(graph, x).map(\.count) == [9])
    }

    @Test func normalizationsThatSomebodyLooksIntoStaySingleNodes() throws {
        var random = SeededRandom(seed: 2)
        for inner: Name in ["m", "d", "q", "v", "e", "s"] {
            let graph = chain([4, 9], extra: [inner], &random), x = floats(numbers([4, 9], &random), dims: [4, 9])
            try expectEqual(graph, x)
            #expect(try steps(graph, x).allSatisfy { $0.count < 9 })
        }
    }

    @Test(arguments: [[0], [1], [2], [3], [1, 2], [2, 3], [1, 3], [0, 1, 2, 3]], [0, 1]) func reductionsOfAnyAxes(axes: [Int64], keep: Int64) throws {
        var random = SeededRandom(seed: 3)
        let dims = [2, 3, 5, 4], x = floats(numbers(dims, &random), dims: dims)
        for op: Name in ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"] {
            // After a convolution channels are last in memory.
            let nodes = [
                Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
                Node(op, inputs: ["c"], outputs: ["y"], attributes: [Attribute("axes", .ints(axes)), Attribute("keepdims", .int(keep))]),
            ]
            let weights = tensor(numbers([3, 3, 1, 1], &random), dims: [3, 3, 1, 1], name: "w")
            try expectEqual(Graph(nodes: nodes, inputs: [info("x", .tensor(.float, nil))], outputs: [info("y")], initializers: [weights]), x, within: 1e-4)
        }
    }

    @Test(arguments: [-1, 0, 1, 2], [11, 13] as [Int64]) func softmaxBeforeAndSinceItWasOfOneAxis(axis: Int64, opset: Int64) throws {
        var random = SeededRandom(seed: 4)
        for op: Name in ["Softmax", "LogSoftmax"] {
            let node = Node(op, inputs: ["x"], outputs: ["y"], attributes: [Attribute("axis", .int(axis))])
            try expectEqual(
                Graph(nodes: [node], inputs: [info("x", .tensor(.float, nil))], outputs: [info("y")]), opset: opset, floats(numbers([3, 4, 6], &random), dims: [3, 4, 6]))
        }
    }

    @Test(arguments: ["LSTM", "GRU", "RNN"] as [Name], ["forward", "reverse", "bidirectional"]) func recurrentNodes(op: Name, direction: String) throws {
        var random = SeededRandom(seed: 5)
        let (steps, batch, size, hidden) = (5, 3, 7, 9), gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1, count = direction == "bidirectional" ? 2 : 1
        for layout in [0, 1] {
            let stateDims = layout == 0 ? [count, batch, hidden] : [batch, count, hidden]
            func constant(_ name: Name, _ dims: [Int]) -> Tensor { tensor(numbers(dims, &random), dims: dims, name: name) }
            let constants = [
                constant("w", [count, gates * hidden, size]), constant("r", [count, gates * hidden, hidden]), constant("b", [count, 2 * gates * hidden]),
                constant("h", stateDims),
            ]
            let outputs: [Name] = op == "LSTM" ? ["y", "yh", "yc"] : ["y", "yh"]
            let node = Node(
                op, inputs: ["x", "w", "r", "b", "", "h"], outputs: outputs,
                attributes: [Attribute("direction", .string(Array(direction.utf8))), Attribute("hidden_size", .int(Int64(hidden))), Attribute("layout", .int(Int64(layout)))])
            let dims = layout == 0 ? [steps, batch, size] : [batch, steps, size]
            try expectEqual(
                Graph(nodes: [node], inputs: [info("x", .tensor(.float, nil))], outputs: outputs.map { info($0) }, initializers: constants),
                floats(numbers(dims, &random), dims: dims))
        }
    }

    @Test(arguments: [nil, [1, 1, 1, 6], [2, 1, 4, 6], [4, 6], [6]] as [[Int]?], ["Div", "Mul"] as [Name]) func attentionInSingleNodesIsOneStep(mask: [Int]?, scaling: Name) throws {
        var random = SeededRandom(seed: 6)
        // Rows of 9 numbers: 3 heads of 3.
        let (queries, keys) = (4, 6)
        func heads(_ name: String, _ perm: [Int64]) -> [Node] {
            [
                Node("Reshape", inputs: [Name("x\(name)"), "shape"], outputs: [Name("r\(name)")]),
                Node("Transpose", inputs: [Name("r\(name)")], outputs: [Name(name)], attributes: [Attribute("perm", .ints(perm))]),
            ]
        }
        var nodes = [
            Node("Slice", inputs: ["x", "zero", "queries", "one"], outputs: ["xq"]), Node("Neg", inputs: ["x"], outputs: ["xk"]), Node("Abs", inputs: ["x"], outputs: ["xv"]),
        ]
        nodes += heads("q", [0, 2, 1, 3]) + heads("k", [0, 2, 3, 1]) + heads("v", [0, 2, 1, 3])
        nodes += [Node("MatMul", inputs: ["q", "k"], outputs: ["p"]), Node(scaling, inputs: ["p", "c"], outputs: ["s"])]
        if mask != nil { nodes.append(Node("Add", inputs: ["s", "mask"], outputs: ["a"])) }
        nodes += [
            Node("Softmax", inputs: [mask == nil ? "s" : "a"], outputs: ["f"]), Node("MatMul", inputs: ["f", "v"], outputs: ["o"]),
            Node("Transpose", inputs: ["o"], outputs: ["t"], attributes: [Attribute("perm", .ints([0, 2, 1, 3]))]),
            Node("Reshape", inputs: ["t", "flat"], outputs: ["y"]),
        ]
        var constants = [
            ints([0, -1, 3, 3], name: "shape"), ints([0, -1, 9], name: "flat"), ints([0], name: "zero"), ints([Int64(queries)], name: "queries"), ints([1], name: "one"),
            tensor([1.7], dims: [], name: "c"),
        ]
        if let mask { constants.append(tensor(numbers(mask, &random), dims: mask, name: "mask")) }
        let graph = Graph(nodes: nodes, inputs: [info("x", .tensor(.float, nil))], outputs: [info("y")], initializers: constants)
        let x = floats(numbers([2, keys, 9], &random), dims: [2, keys, 9])
        try expectEqual(graph, x)
        #expect(try steps(graph, x).contains { $0.contains("Softmax") && $0.count == (mask == nil ? 8 : 9) })
    }

    @Test(arguments: [true, false]) func anIfWhoseConditionIsKnownIsItsBranch(condition: Bool) throws {
        let then = Graph(nodes: [Node("Neg", inputs: ["x"], outputs: ["t"])], inputs: [], outputs: [info("t")])
        let other = Graph(nodes: [Node("Abs", inputs: ["x"], outputs: ["e"])], inputs: [], outputs: [info("e")])
        let node = Node("If", inputs: ["c"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(then)), Attribute("else_branch", .graph(other))])
        let graph = Graph(nodes: [node], inputs: [info("x", .tensor(.float, nil))], outputs: [info("y")], initializers: [truth(condition, name: "c")])
        let x = floats([-1, 2, -3])
        try expectEqual(graph, x)
        #expect(try steps(graph, x) == [[condition ? "Neg" : "Abs"]])
    }

    @Test func anotherNameOfAConstantIsThatConstant() throws {
        var random = SeededRandom(seed: 3)
        let nodes = [
            Node("Identity", inputs: ["w"], outputs: ["v"]), Node("Identity", inputs: ["v"], outputs: ["u"]), Node("MatMul", inputs: ["x", "u"], outputs: ["y"]),
        ]
        let graph = Graph(
            nodes: nodes, inputs: [info("x", .tensor(.float, nil))], outputs: [info("y"), info("v")],
            initializers: [tensor(numbers([7, 5], &random), dims: [7, 5], name: "w")])
        let x = floats(numbers([3, 7], &random), dims: [3, 7])
        try expectEqual(graph, x)
        #expect(try steps(graph, x) == [["MatMul"]])
    }

    /// Every second row and column, four times, side by side: moves write into their place, where it is one piece and nobody else reads them.
    @Test(arguments: [(1, false), (2, false), (1, true)]) func movesWriteIntoTheirPlaceOfAConcatenation(batch: Int, isReadTwice: Bool) throws {
        var random = SeededRandom(seed: UInt64(batch)), nodes: [Node] = []
        for (index, (row, column)) in [("zero", "zero"), ("one", "zero"), ("zero", "one"), ("one", "one")].enumerated() {
            nodes += [
                Node("Slice", inputs: ["x", Name(row), "end", "two", "two"], outputs: [Name("r\(index)")]),
                Node("Slice", inputs: [Name("r\(index)"), Name(column), "end", "three", "two"], outputs: [Name("s\(index)")]),
            ]
        }
        nodes.append(Node("Concat", inputs: ["s0", "s1", "s2", "s3"], outputs: ["y"], attributes: [Attribute("axis", .int(1))]))
        let constants = [ints([0], name: "zero"), ints([1], name: "one"), ints([2], name: "two"), ints([3], name: "three"), ints([1 << 40], name: "end")]
        let outputs = ["y"] + (isReadTwice ? ["s2"] : [])
        let graph = Graph(nodes: nodes, inputs: [info("x", .tensor(.float, nil))], outputs: outputs.map { info(Name($0)) }, initializers: constants)
        let x = floats(numbers([batch, 3, 8, 10], &random), dims: [batch, 3, 8, 10])
        try expectEqual(graph, x, within: 0)
        #expect(try steps(graph, x).contains(["Concat"]) == (batch > 1 || isReadTwice))
    }
}
