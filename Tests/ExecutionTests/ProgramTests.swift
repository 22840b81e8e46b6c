@testable import Execution
import Foundation
import ModelGraph
import OnnxFile
import Tensors
import TestSupport
import Testing

/// Compiled programs beside the same graph run node by node.
@Suite struct ProgramTests {
    private func options(_ execution: Session.Execution, threads: Int = 1) -> Session.Options {
        var options = Session.Options(threads: threads)
        options.execution = execution
        return options
    }

    /// A convolution with what follows one in real models: a normalization, SiLU, a residual, a product, a softmax.
    private func network(channels: Int, size: Int, random: inout SeededRandom) -> Model {
        func weights(_ name: Name, _ dims: [Int], _ scale: Float = 0.3) -> Tensor {
            tensor((0..<dims.reduce(1, *)).map { _ in Float.random(in: -scale...scale, using: &random) }, dims: dims, name: name)
        }
        let positive = tensor((0..<channels).map { _ in Float.random(in: 0.5...2, using: &random) }, name: "variance")
        let nodes = [
            Node("Conv", inputs: ["x", "w", "b"], outputs: ["c"], attributes: [Attribute("pads", .ints([1, 1, 1, 1]))]),
            Node("BatchNormalization", inputs: ["c", "scale", "shift", "mean", "variance"], outputs: ["n"]),
            Node("Sigmoid", inputs: ["n"], outputs: ["s"]),
            Node("Mul", inputs: ["n", "s"], outputs: ["a"]),
            Node("Conv", inputs: ["a", "w2"], outputs: ["d"]),
            Node("Add", inputs: ["d", "a"], outputs: ["r"]),
            Node("Relu", inputs: ["r"], outputs: ["q"]),
            Node("GlobalAveragePool", inputs: ["q"], outputs: ["p"]),
            Node("Flatten", inputs: ["p"], outputs: ["f"]),
            Node("Gemm", inputs: ["f", "w3", "b3"], outputs: ["g"], attributes: [Attribute("transB", .int(1))]),
            Node("Softmax", inputs: ["g"], outputs: ["y"]),
        ]
        let initializers = [
            weights("w", [channels, 3, 3, 3]), weights("b", [channels]), weights("scale", [channels], 2), weights("shift", [channels]), weights("mean", [channels]), positive,
            weights("w2", [channels, channels, 1, 1]), weights("w3", [5, channels]), weights("b3", [5]),
        ]
        let input = ValueInfo(name: "x", type: .tensor(.float, nil))
        return model(Graph(nodes: nodes, inputs: [input], outputs: ["y", "q", "a"].map { info($0) }, initializers: initializers))
    }

    private func image(_ size: Int, batch: Int, _ random: inout SeededRandom) -> Value {
        floats((0..<batch * 3 * size * size).map { _ in Float.random(in: -1...1, using: &random) }, dims: [batch, 3, size, size])
    }

    private func difference(_ a: [Value], _ b: [Value]) throws -> Float {
        var worst: Float = 0
        try #require(a.count == b.count)
        for (x, y) in zip(a, b) {
            #expect(x.tensor?.dims == y.tensor?.dims)
            let (left, right) = (try x.floats, try y.floats), largest = right.reduce(0) { max($0, abs($1)) } + 1e-9
            for (i, j) in zip(left, right) { worst = max(worst, (i - j).isNaN ? .infinity : abs(i - j) / largest) }
        }
        return worst
    }

    @Test(arguments: [1, 7, 16, 33]) func agreeWithNodesWhateverTheShapes(channels: Int) throws {
        var random = SeededRandom(seed: UInt64(channels))
        let model = network(channels: channels, size: 9, random: &random)
        let fast = try Session(model, options: options(.programs)), slow = try Session(model, options: options(.nodes))
        // One session, several shapes and batches, some twice: weights are shared, programs are not.
        for (size, batch) in [(9, 1), (12, 3), (9, 1), (5, 2), (12, 3)] {
            let x = image(size, batch: batch, &random)
            #expect(try difference(fast.run(["x": x]), slow.run(["x": x])) < 1e-5)
        }
    }

    @Test func giveTheSameBitsWithAnyNumberOfThreads() throws {
        var random = SeededRandom(seed: 5)
        let model = network(channels: 24, size: 40, random: &random), x = image(40, batch: 2, &random)
        let one = try Session(model, options: options(.programs)).run(["x": x])
        for threads in [2, 3, 8] {
            #expect(try Session(model, options: options(.programs, threads: threads)).run(["x": x]) == one, "\(threads) threads")
        }
    }

    @Test func serveSeveralThreadsAtOnce() throws {
        var random = SeededRandom(seed: 6)
        let model = network(channels: 8, size: 16, random: &random)
        let session = try Session(model, options: options(.programs, threads: 2))
        let images = (0..<4).map { _ in image(16, batch: 1, &random) }, expected = try images.map { try session.run(["x": $0]) }
        try concurrently(64, threads: 8) { index in
            guard try session.run(["x": images[index % 4]]) == expected[index % 4] else { throw ModelError(.internalFault, "run \(index) differs") }
        }
    }

    @Test func outputsOfOneRunAreNotTouchedByTheNext() throws {
        var random = SeededRandom(seed: 7)
        let session = try Session(network(channels: 8, size: 9, random: &random), options: options(.programs))
        let (x, y) = (image(9, batch: 1, &random), image(9, batch: 1, &random))
        let first = try session.run(["x": x]), copy = try first.map { try $0.floats }
        _ = try session.run(["x": y])
        #expect(try first.map { try $0.floats } == copy)
    }

    /// Functions that call functions stand for more nodes than anybody can list: 2^18 additions here.
    @Test func functionsThatUnfoldWithoutEndAreRunNodeByNode() throws {
        let functions = (0..<19).map { level in
            let body = level == 0 ? [Node("Add", inputs: ["a", "a"], outputs: ["b"])] : [
                Node(Name("F\(level - 1)"), domain: "local", inputs: ["a"], outputs: ["m"]), Node(Name("F\(level - 1)"), domain: "local", inputs: ["m"], outputs: ["b"]),
            ]
            return Function(
                name: Name("F\(level)"), domain: "local", inputs: ["a"], outputs: ["b"], nodes: body,
                opsetImports: [OpsetImport(version: 21), OpsetImport(domain: "local", version: 1)])
        }
        let graph = Graph(nodes: [Node("F18", domain: "local", inputs: ["x"], outputs: ["y"])], inputs: [info("x")], outputs: [info("y")])
        var limits = Session.Options()
        limits.maximumTrips = 1_000_000
        let session = try Session(model(graph, functions: functions), options: limits)
        #expect(try session.run(["x": floats([1])]).first?.floats == [.infinity])
    }
}

@Suite struct ArenaPlanTests {
    @Test(arguments: 0..<20) func piecesOfOneTimeLieApart(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let pieces = (0..<Int.random(in: 0...60, using: &random)).map { _ in
            let first = Int.random(in: 0..<40, using: &random)
            return ArenaPlan.Piece(byteCount: Int.random(in: 0...5000, using: &random), first: first, last: first + Int.random(in: 0...10, using: &random))
        }
        let plan = try ArenaPlan(pieces)
        for (i, a) in pieces.enumerated() {
            #expect(plan.offsets[i] % 64 == 0 && plan.offsets[i] + a.byteCount <= plan.byteCount)
            for (j, b) in pieces.enumerated() where j < i && a.first <= b.last && b.first <= a.last && a.byteCount > 0 && b.byteCount > 0 {
                #expect(plan.offsets[i] + a.byteCount <= plan.offsets[j] || plan.offsets[j] + b.byteCount <= plan.offsets[i])
            }
        }
        let most = (0..<60).map { time in pieces.reduce(0) { $0 + ($1.first <= time && $1.last >= time ? $1.byteCount : 0) } }.max() ?? 0
        let all = pieces.reduce(0) { $0 + ($1.byteCount + 63) / 64 * 64 }
        #expect(plan.byteCount >= most && plan.byteCount <= all)
    }

    @Test func sizesThatLeave64BitsAreRefused() {
        let piece = ArenaPlan.Piece(byteCount: .max - 10, first: 0, last: 1)
        #expect(throws: ModelError.self) { try ArenaPlan([piece, piece]) }
    }
}
