@testable import Execution
import ModelGraph
import Tensors
import TestSupport
import Testing

/// Integer steps beside the floats that the graph asks for, node by node.
@Suite struct QuantizedProgramTests {
    private func run(_ model: Model, _ inputs: [Name: Value], _ execution: Session.Execution, threads: Int) throws -> [Float] {
        var options = Session.Options(threads: threads)
        options.execution = execution
        return try #require(try Session(model, options: options).run(inputs).first).floats
    }

    /// x, quantized; two convolutions with a Relu between them; their sum with the first's result; its mean; a product.
    private func network(channels: Int, _ random: inout SeededRandom) -> Model {
        func codes(_ name: Name, _ dims: [Int]) -> Tensor {
            Tensor(name: name, .int8, dims: dims, bytes: TensorBytes((0..<dims.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
        func node(_ type: Name, _ inputs: [Name], _ output: Name, _ attributes: [Attribute] = []) -> Node {
            Node(type, inputs: inputs, outputs: [output], attributes: attributes)
        }
        func quantized(_ name: Name, _ scale: Name) -> [Node] {
            let q = Name("\(name)_q")
            return [node("QuantizeLinear", [name, scale, "zero"], q), node("DequantizeLinear", [q, scale, "zero"], Name("\(name)_d"))]
        }
        let weights = ["w1", "w2", "w3"].map { node("DequantizeLinear", [Name("\($0)_q"), "fine", "middle"], Name($0)) }
        let steps: [Node] = [node("Conv", ["x_d", "w1"], "a", [Attribute("pads", .ints([1, 1, 1, 1])), Attribute("strides", .ints([2, 2]))]), node("Relu", ["a"], "r")]
            + quantized("r", "coarse") + [node("Conv", ["r_d", "w2"], "b")] + quantized("b", "coarse") + [node("Add", ["b_d", "r_d"], "s")] + quantized("s", "coarse")
            + [node("GlobalAveragePool", ["s_d"], "m")] + quantized("m", "coarse") + [node("Flatten", ["m_d"], "f"), node("Gemm", ["f", "w3"], "g", [Attribute("transB", .int(1))])]
            + quantized("g", "coarse")
        let nodes = quantized("x", "fine") + weights + steps
        let initializers = [
            tensor([0.01], dims: [], name: "fine"), tensor([0.05], dims: [], name: "coarse"), Tensor(name: "zero", .uint8, dims: [], bytes: TensorBytes([100])),
            Tensor(name: "middle", .int8, dims: [], bytes: TensorBytes([3])), codes("w1_q", [channels, 3, 3, 3]), codes("w2_q", [channels, channels, 1, 1]),
            codes("w3_q", [7, channels]),
        ]
        return model(Graph(nodes: nodes, inputs: [ValueInfo(name: "x", type: .tensor(.float, nil))], outputs: [info("g_d")], initializers: initializers))
    }

    @Test(arguments: [1, 5, 16, 33]) func integersAgreeWithFloats(channels: Int) throws {
        var random = SeededRandom(seed: UInt64(channels))
        let model = network(channels: channels, &random)
        let x = floats((0..<2 * 3 * 9 * 9).map { _ in Float.random(in: -1...1, using: &random) }, dims: [2, 3, 9, 9])
        let expected = try run(model, ["x": x], .nodes, threads: 1)
        for threads in [1, 2] {
            let found = try run(model, ["x": x], .programs, threads: threads)
            try #require(found.count == expected.count)
            // A tie may fall the other way in one step and be carried through the next.
            for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 0.05 * 3.01, "\(a), in floats \(b)") }
        }
    }

    /// com.microsoft's QLinearAdd with a right side of the same dims, of fewer axes, of one number, and one that is broadcast otherwise.
    @Test(arguments: [([1, 37], [1, 37]), ([1, 37], [37]), ([1, 37], [1]), ([1, 37], []), ([1, 1, 9], [1, 9]), ([3, 37], [37]), ([1, 1], [1])])
    func sumsOfCodesAgreeWithNodes(dims: [Int], other: [Int]) throws {
        var random = SeededRandom(seed: UInt64(dims.count * 8 + other.count))
        func codes(_ name: Name?, _ dims: [Int]) -> Tensor {
            Tensor(name: name, .uint8, dims: dims, bytes: TensorBytes((0..<dims.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
        let parameters: [Name] = ["a_scale", "zero", "b", "b_scale", "zero", "y_scale", "zero"]
        let nodes = [
            Node("QLinearAdd", domain: "com.microsoft", inputs: ["x"] + parameters, outputs: ["q"]),
            Node("DequantizeLinear", inputs: ["q", "y_scale", "zero"], outputs: ["y"]),
        ]
        let initializers = [
            tensor([0.01], dims: [], name: "a_scale"), tensor([0.03], dims: [], name: "b_scale"), tensor([0.02], dims: [], name: "y_scale"),
            Tensor(name: "zero", .uint8, dims: [], bytes: TensorBytes([100])), codes("b", other),
        ]
        var model = model(Graph(nodes: nodes, inputs: [ValueInfo(name: "x", type: .tensor(.uint8, nil))], outputs: [info("y")], initializers: initializers))
        model.opsetImports.append(OpsetImport(domain: "com.microsoft", version: 1))
        let x = Value.tensor(codes(nil, dims))
        #expect(try run(model, ["x": x], .programs, threads: 2) == run(model, ["x": x], .nodes, threads: 1))
    }

    @Test func weightsOfFourBitsStayFourBits() throws {
        var random = SeededRandom(seed: 4)
        let (n, k) = (256, 512)
        let codes = Tensor(name: "w", .uint8, dims: [n, k / 32, 16], bytes: TensorBytes((0..<n * k / 2).map { _ in UInt8.random(in: 0...255, using: &random) }))
        let scales = tensor((0..<n * k / 32).map { _ in Float.random(in: 0.01...0.02, using: &random) }, name: "s")
        let sizes: [(Name, Int)] = [("N", n), ("K", k), ("bits", 4), ("block_size", 32)]
        var node = Node("MatMulNBits", inputs: ["x", "w", "s"], outputs: ["y"], attributes: sizes.map { Attribute($0.0, .int(Int64($0.1))) })
        node.domain = "com.microsoft"
        var model = model(Graph(nodes: [node], inputs: [ValueInfo(name: "x", type: .tensor(.float, nil))], outputs: [info("y")], initializers: [codes, scales]))
        model.opsetImports.append(OpsetImport(domain: "com.microsoft", version: 1))
        let x = floats((0..<3 * k).map { _ in Float.random(in: -1...1, using: &random) }, dims: [3, k])
        var options = Session.Options(threads: 1)
        options.execution = .programs
        let session = try Session(model, options: options)
        let found = try #require(try session.run(["x": x]).first).floats, expected = try run(model, ["x": x], .nodes, threads: 1)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-4) }
        // Half a byte for each weight, and a scale for 32 of them.
        let stored = n * k / 2 + n * k / 32 * 4, packed = session.resources.packs.byteCount
        #expect(packed > 0 && packed < stored * 11 / 10 + 4096)
    }
}
