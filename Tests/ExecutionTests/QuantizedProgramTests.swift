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

    /// A unit of ShuffleNet: x, quantized; two convolutions; a Concat of their results and a shuffle, quantized; a Split, one half convolved depthwise
    /// from where it lies, the other read by the next Concat.
    private func shuffleNet(groups: Int, channels: Int, isOne: Bool, _ random: inout SeededRandom) -> Model {
        func codes(_ name: Name, _ dims: [Int]) -> Tensor {
            Tensor(name: name, .int8, dims: dims, bytes: TensorBytes((0..<dims.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
        func node(_ type: Name, _ inputs: [Name], _ outputs: [Name], _ attributes: [Attribute] = []) -> Node {
            Node(type, inputs: inputs, outputs: outputs, attributes: attributes)
        }
        func quantized(_ name: Name, _ scale: Name) -> [Node] {
            let q = Name("\(name)_q")
            return [node("QuantizeLinear", [name, scale, "zero"], [q]), node("DequantizeLinear", [q, scale, "zero"], [Name("\(name)_d")])]
        }
        func convolution(_ x: Name, _ w: Name, _ y: Name, _ scale: Name, groups: Int = 1) -> [Node] {
            let attributes = groups > 1 ? [Attribute("group", .int(Int64(groups))), Attribute("pads", .ints([1, 1, 1, 1]))] : []
            return [node("DequantizeLinear", [Name("\(w)_q"), "fine", "middle"], [w]), node("Conv", [x, w], [y], attributes)] + quantized(y, scale)
        }
        let all = groups * channels, names = (0..<groups).map { Name("a\($0)") }
        let scales: [Name] = isOne ? ["coarse"] : ["coarse", "other", "fine"]
        var nodes = quantized("x", "fine")
        for (index, name) in names.enumerated() { nodes += convolution("x_d", Name("w\(index)"), name, scales[index % scales.count]) }
        nodes += [
            node("Concat", names.map { Name("\($0)_d") }, ["joined"], [Attribute("axis", .int(1))]), node("Reshape", ["joined", "apart"], ["split"]),
            node("Transpose", ["split"], ["dealt"], [Attribute("perm", .ints([0, 2, 1, 3, 4]))]), node("Reshape", ["dealt", "together"], ["shuffled"]),
        ]
        nodes += quantized("shuffled", "coarse") + [node("Split", ["shuffled_q", "halves"], ["front", "back"], [Attribute("axis", .int(1))])]
        nodes += [node("DequantizeLinear", ["front", "coarse", "zero"], ["front_d"]), node("DequantizeLinear", ["back", "coarse", "zero"], ["back_d"])]
        nodes += convolution("back_d", "deep", "b", "other", groups: all - all / 2)
        nodes += [node("Concat", ["front_d", "b_d"], ["y"], [Attribute("axis", .int(1))])] + quantized("y", "coarse")
        func sizes(_ name: Name, _ values: [Int64]) -> Tensor { Tensor(name: name, .int64, dims: [values.count], bytes: TensorBytes(values.flatMap { withUnsafeBytes(of: $0) { Array($0) } })) }
        let weights = names.indices.map { codes(Name("w\($0)_q"), [channels, 5, 1, 1]) }
        let initializers = weights + [
            codes("deep_q", [all - all / 2, 1, 3, 3]), sizes("apart", [2, Int64(groups), Int64(channels), 6, 7]), sizes("together", [2, Int64(all), 6, 7]),
            sizes("halves", [Int64(all / 2), Int64(all - all / 2)]), tensor([0.01], dims: [], name: "fine"), tensor([0.05], dims: [], name: "coarse"),
            tensor([0.031], dims: [], name: "other"), Tensor(name: "zero", .uint8, dims: [], bytes: TensorBytes([100])),
            Tensor(name: "middle", .int8, dims: [], bytes: TensorBytes([3])),
        ]
        return model(Graph(nodes: nodes, inputs: [ValueInfo(name: "x", type: .tensor(.float, nil))], outputs: [info("y_d"), info("front_d")], initializers: initializers))
    }

    @Test(arguments: [(2, 29), (2, 4), (3, 5), (4, 9), (5, 3)], [true, false]) func shufflesOfCodesAgreeWithNodes(shape: (groups: Int, channels: Int), isOne: Bool) throws {
        var random = SeededRandom(seed: UInt64(shape.groups))
        let model = shuffleNet(groups: shape.groups, channels: shape.channels, isOne: isOne, &random)
        let x = floats((0..<2 * 5 * 6 * 7).map { _ in Float.random(in: -1...1, using: &random) }, dims: [2, 5, 6, 7])
        let expected = try run(model, ["x": x], .nodes, threads: 1)
        for threads in [1, 2] {
            let found = try run(model, ["x": x], .programs, threads: threads)
            try #require(found.count == expected.count)
            for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 0.05 * 2.01, "\(a), in floats \(b)") }
        }
        // More groups than a join takes are joined as floats or moved.
        let options = Session.Options(threads: 1), session = try Session(model, options: options)
        let program = try #require(try session.plan.program([x], [], Run(options, session.resources)))
        #expect(program.steps.count { $0.step is ByteJoinStep } == (shape.groups <= 4 ? 2 : 1))
        // Outputs are plain; the front half becomes a value of its own first.
        if shape.groups <= 4 { #expect(program.steps.count { $0.step is MoveStep } == 3) }
    }

    /// com.microsoft's QLinearConcat behind products, whose codes are channels last, and behind what is plain.
    @Test(arguments: [true, false]) func joinsOfCodesAgreeWithNodes(isConvolved: Bool) throws {
        var random = SeededRandom(seed: 12)
        func codes(_ name: Name, _ type: ElementType, _ dims: [Int]) -> Tensor {
            Tensor(name: name, type, dims: dims, bytes: TensorBytes((0..<dims.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
        let convolution = Node("QLinearConv", inputs: ["x", "fine", "zero", "w", "fine", "middle", "coarse", "zero"], outputs: ["a"])
        let nodes = [
            isConvolved ? convolution : Node("Identity", inputs: ["x"], outputs: ["a"]),
            Node("QLinearConcat", domain: "com.microsoft", inputs: ["other", "zero", "a", "coarse", "zero", "x", "fine", "zero"], outputs: ["q"], attributes: [Attribute("axis", .int(1))]),
            Node("Slice", inputs: ["q", "one", "six", "one"], outputs: ["s"]), Node("DequantizeLinear", inputs: ["s", "other", "zero"], outputs: ["y"]),
        ]
        func place(_ name: Name, _ value: UInt8) -> Tensor { Tensor(name: name, .int64, dims: [1], bytes: TensorBytes([value, 0, 0, 0, 0, 0, 0, 0])) }
        let initializers = [
            tensor([0.01], dims: [], name: "fine"), tensor([0.05], dims: [], name: "coarse"), tensor([0.031], dims: [], name: "other"),
            Tensor(name: "zero", .uint8, dims: [], bytes: TensorBytes([100])), Tensor(name: "middle", .int8, dims: [], bytes: TensorBytes([3])),
            codes("w", .int8, [7, 5, 1, 1]), place("one", 1), place("six", 6),
        ]
        var model = model(Graph(nodes: nodes, inputs: [ValueInfo(name: "x", type: .tensor(.uint8, nil))], outputs: [info("y")], initializers: initializers))
        model.opsetImports.append(OpsetImport(domain: "com.microsoft", version: 1))
        let x = Value.tensor(codes("x", .uint8, [2, 5, 6, 7]))
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
