import Execution
import ModelGraph
import TestSupport
import Testing

@testable import Compression
@testable import Tensors

/// What scales channels leaves the function of a model as it is.
@Suite struct ActivationScalingTests {
    private static func noise(_ count: Int, seed: UInt64) -> [Float] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in Float.random(in: -1..<1, using: &random) }
    }

    private static func floats(_ value: Value) throws -> [Float] {
        guard case .tensor(let tensor) = value else { throw Failure("no tensor") }
        return try StripReader.floats(tensor.plainBytes(), .float, 0..<tensor.dims.reduce(1, *))
    }

    private static func expectSame(_ a: Model, _ b: Model, _ dims: [Int], _ place: SourceLocation = #_sourceLocation) throws {
        let x = Value.tensor(.floats(nil, dims, noise(dims.reduce(1, *), seed: 77)))
        let one = try floats(try Session(a).run(["x": x])[0]), other = try floats(try Session(b).run(["x": x])[0])
        let greatest = one.map(abs).max() ?? 0, worst = zip(one, other).map { abs($0 - $1) }.max() ?? .infinity
        #expect(greatest > 0 && worst <= 1e-5 * greatest, sourceLocation: place)
    }

    private static func model(_ nodes: [Node], _ constants: [Tensor], input: [Int64]) -> Model {
        Model.small {
            $0.graph.nodes = nodes
            $0.graph.initializers = constants
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, Shape(input.map { Dimension(.value($0)) })))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
        }
    }

    /// Three convolutions, the second depthwise; channels of the first are as uneven as can be.
    private static func convolutions(_ between: Node...) -> Model {
        let uneven = noise(8 * 3 * 9, seed: 1).enumerated().map { $1 * Float(1 << (2 * ($0 / 27))) / 128 }
        return model(
            [Node("Conv", inputs: ["x", "a", "ab"], outputs: ["p"])] + between + [
                Node("Conv", inputs: ["q", "b", "bb"], outputs: ["r"], attributes: [Attribute("group", .int(8)), Attribute("pads", .ints([1, 1, 1, 1]))]),
                Node("Relu", inputs: ["r"], outputs: ["s"]), Node("Conv", inputs: ["s", "c"], outputs: ["y"]),
            ],
            [
                .floats("a", [8, 3, 3, 3], uneven), .floats("ab", [8], noise(8, seed: 2)), .floats("b", [8, 1, 3, 3], noise(72, seed: 3)), .floats("bb", [8], noise(8, seed: 4)),
                .floats("c", [4, 8, 1, 1], noise(32, seed: 5)), .floats("six", [], [6]), .floats("zero", [], [0]),
            ], input: [1, 3, 8, 8])
    }

    @Test(arguments: [Node("Relu", inputs: ["p"], outputs: ["q"]), Node("Clip", inputs: ["p", "zero"], outputs: ["q"]), Node("LeakyRelu", inputs: ["p"], outputs: ["q"])])
    func equalizationKeepsTheFunctionAndEvensTheWeights(between: Node) throws {
        let model = Self.convolutions(between), equal = try Equalization.apply(to: model)
        #expect(equal.pairs == 2)
        try Self.expectSame(model, equal.model, [1, 3, 8, 8])
        let uses = GraphUses(equal.model.graph)
        func ranges(_ node: Int) throws -> [Float] {
            let values = try #require(uses.floats(uses.nodes[node].inputs[1])), row = values.count / 8
            return (0..<8).map { channel in values[channel * row..<(channel + 1) * row].map(abs).max() ?? 0 }
        }
        // Each channel has the same range before and behind the nonlinearity.
        for (a, b) in zip(try ranges(0), try ranges(2)) { #expect(abs(a / b - 1) < 0.01) }
    }

    @Test func aBoundAboveIsNotScaled() throws {
        let equal = try Equalization.apply(to: Self.convolutions(Node("Clip", inputs: ["p", "zero", "six"], outputs: ["q"])))
        #expect(equal.pairs == 1)
    }

    @Test func whatOthersReadIsNotScaled() throws {
        var model = Self.convolutions(Node("Relu", inputs: ["p"], outputs: ["q"]))
        model.graph.outputs.append(ValueInfo(name: "p", type: .tensor(.float)))
        #expect(try Equalization.apply(to: model).pairs == 1)
    }

    /// A normalization whose first channels are a hundred times the others, read by two products or by one.
    private static func normalized(alone: Bool) -> Model {
        let scale = (0..<16).map { Float($0 < 2 ? 100 : 1) }
        var nodes = [Node("LayerNormalization", inputs: ["x", "g", "h"], outputs: ["n"]), Node("MatMul", inputs: ["n", "w"], outputs: ["m"])]
        nodes.append(alone ? Node("Relu", inputs: ["m"], outputs: ["y"]) : Node("Add", inputs: ["m", "n"], outputs: ["y"]))
        return model(
            nodes, [.floats("g", [16], scale), .floats("h", [16], noise(16, seed: 8)), .floats("w", [16, 16], noise(256, seed: 9))], input: [4, 16])
    }

    @Test(arguments: [true, false]) func smoothingKeepsTheFunction(alone: Bool) throws {
        let model = Self.normalized(alone: alone)
        let samples = (0..<6).map { ["x": Value.tensor(.floats(nil, [4, 16], Self.noise(64, seed: 20 + $0)))] as [Name: Value] }
        let smooth = try Smoothing(threads: 1, elementType: .int8, progress: { _ in }).apply(to: model, samples: samples, weights: ["w"])
        let done = try #require(smooth.done.first)
        #expect(smooth.done.count == 1 && done.name == "n" && done.isFolded == alone && done.after > done.before + 1)
        #expect(smooth.model.graph.nodes.contains { $0.opType == "Mul" } == !alone)
        try Self.expectSame(model, smooth.model, [4, 16])
        // As many constants as before where no node is new.
        #expect(smooth.model.graph.initializers.count == model.graph.initializers.count + (alone ? 0 : 1))
    }

    @Test func channelsGoBackThroughWhatIsLinear() throws {
        let chain = Self.model(
            [
                Node("Gemm", inputs: ["x", "w", "b"], outputs: ["p"], attributes: [Attribute("transB", .int(1))]), Node("Relu", inputs: ["p"], outputs: ["q"]),
                Node("Mul", inputs: ["q", "half"], outputs: ["r"]), Node("MatMul", inputs: ["r", "v"], outputs: ["y"]),
            ],
            [.floats("w", [6, 5], Self.noise(30, seed: 1)), .floats("b", [6], Self.noise(6, seed: 2)), .floats("half", [], [0.5]), .floats("v", [6, 3], Self.noise(18, seed: 3))],
            input: [2, 5])
        let uses = GraphUses(chain.graph), factors: [Float] = [1, 2, 4, 0.5, 8, 16]
        // The first constant on the way takes it.
        #expect(ChannelFolding(uses, value: "r", by: factors)?.changes.map(\.node) == [2])
        let deep = try #require(ChannelFolding(uses, value: "q", by: factors))
        #expect(deep.changes.map(\.node) == [0, 0])
        #expect(deep.changes[1].values == zip(Self.noise(6, seed: 2), factors).map { $0 / $1 })
        #expect(ChannelFolding(uses, value: "x", by: [1, 1, 1, 1, 2]) == nil)
    }
}
