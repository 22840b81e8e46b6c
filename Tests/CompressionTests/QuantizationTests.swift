import ModelGraph
import TestSupport
import Testing

@testable import Compression
@testable import Tensors

/// y = x @ w with w [K, N]; codes are judged against the rules written out once more.
@Suite struct QuantizationTests {
    private static func model(_ dims: [Int], _ values: [Float], op: Node? = nil) -> Model {
        Model.small {
            $0.graph.nodes = [op ?? Node("MatMul", name: "mm", inputs: ["x", "w"], outputs: ["y"])]
            $0.graph.initializers = [.floats("w", dims, values)]
        }
    }

    private static func noise(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in (0..<4).reduce(Float(-2)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) } * 0.1 }
    }

    private static func quantize(_ model: Model, _ options: QuantizationOptions) throws -> (model: Model, tensor: Tensor, report: QuantizationReport) {
        let result = try Quantization.quantize(model, options: options, folder: "/tmp")
        return (result.model, result.model.graph.initializers[0], result.report)
    }

    private static func floats(_ tensor: Tensor) throws -> [Float] {
        let bytes = try tensor.plainBytes().array()
        return stride(from: 0, to: bytes.count, by: 4).map { at in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << (8 * $1) })
        }
    }

    @Test(arguments: [2, 3, 4, 5, 6, 7, 8], [QuantizationOptions.Granularity.tensor, .channel, .group(32)])
    func noWeightMovesFurtherThanHalfAStep(bits: Int, granularity: QuantizationOptions.Granularity) throws {
        // 70 rows: groups of 32 do not divide them.
        let values = Self.noise(70 * 24)
        let done = try Self.quantize(
            Self.model([70, 24], values), QuantizationOptions(scheme: .integers(bits: bits), granularity: granularity, method: .rtn, correctsBiases: false))
        guard case .affine(let affine) = done.tensor.encoding else { Issue.record("not encoded"); return }
        #expect(affine.bits == bits)
        try done.tensor.checkEncoding()
        let grid = try Grid(block: affine.block, dims: [70, 24])
        #expect(grid.cells == (granularity == .tensor ? [] : granularity == .channel ? [1, 24] : [3, 24]))
        let scales = try Self.scales(affine.scale), decoded = try Self.floats(done.tensor)
        var worst: Float = 0
        grid.forEachRun(of: 0..<values.count) { first, count, cell in
            for index in first..<first + count { worst = max(worst, abs(values[index] - decoded[index]) / scales[cell]) }
        }
        #expect(worst <= 0.5001)
    }

    private static func scales(_ tensor: Tensor) throws -> [Float] {
        var bytes = try tensor.plainBytes().array(), values = [Float](repeating: 0, count: tensor.elementCount ?? 0)
        unsafe values.withUnsafeMutableBufferPointer { target in
            unsafe bytes.withUnsafeMutableBytes { FloatConversion.toFloat(UnsafeRawBufferPointer($0), tensor.elementType, into: target) }
        }
        return values
    }

    /// Of many groups, scales are indices into a table; of wide codes, zero points are in the middle.
    @Test(arguments: ["int8", "int4", "entropy:0.001"], [QuantizationOptions.Granularity.group(16), .channel])
    func reportSaysWhatDecodingGives(scheme: String, granularity: QuantizationOptions.Granularity) throws {
        for isTransposed in [false, true] { try reportIsRight(scheme, granularity, isTransposed) }
    }

    private func reportIsRight(_ scheme: String, _ granularity: QuantizationOptions.Granularity, _ isTransposed: Bool) throws {
        let values = Self.noise(512 * 512).enumerated().map { $1 * (1 + Float($0 % 512) / 64) }
        let op = isTransposed ? Node("Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: [Attribute("transB", .int(1))]) : nil
        let options = QuantizationOptions(scheme: try #require(.init(scheme)), granularity: granularity, method: .rtn, correctsBiases: false)
        let done = try Self.quantize(Self.model([512, 512], values, op: op), options)
        let decoded = try Self.floats(done.tensor)
        let signal = values.reduce(0.0) { $0 + Double($1) * Double($1) }
        let noise = zip(values, decoded).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        let reported = try #require(done.report.changed.first?.change?.sqnr)
        #expect(abs(reported - 10 * (signal / noise).logarithm10) < 0.01)
        // One scale for 512 numbers of growing size is coarser than one for 16.
        #expect(reported > (scheme != "int4" ? 40 : granularity == .channel ? 15 : 18))
    }

    @Test(arguments: ["int8", "int7", "int6", "int5", "int4", "int3", "int2", "entropy:0.2"], [false, true])
    func zerosStayZeros(scheme: String, isAsymmetric: Bool) throws {
        var values = Self.noise(64 * 32)
        for index in stride(from: 0, to: values.count, by: 3) { values[index] = 0 }
        // A row of one sign only, and one of nothing.
        for row in 0..<64 { (values[row * 32], values[row * 32 + 1]) = (abs(values[row * 32]), 0) }
        let scheme = try #require(QuantizationOptions.Scheme(scheme))
        if case .entropy = scheme, isAsymmetric { return }
        for method in [QuantizationOptions.Method.rtn, .mse] {
            let done = try Self.quantize(Self.model([64, 32], values), QuantizationOptions(scheme: scheme, isAsymmetric: isAsymmetric, method: method))
            let decoded = try Self.floats(done.tensor)
            #expect(zip(values, decoded).allSatisfy { $0 != 0 || $1 == 0 })
        }
    }

    private static func sqnr(_ bits: Int, _ granularity: QuantizationOptions.Granularity, _ method: QuantizationOptions.Method, asymmetric: Bool = false, _ values: [Float]) throws -> Double {
        let op = Node("Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: [Attribute("transB", .int(1))])
        let options = QuantizationOptions(scheme: .integers(bits: bits), granularity: granularity, isAsymmetric: asymmetric, method: method)
        return try #require(try Self.quantize(Self.model([16, values.count / 16], values, op: op), options).report.changed.first?.change?.sqnr)
    }

    /// Rows of 1,024 about normal weights reach further than few codes should; of groups, the code that only one side has is worth the more the fewer there are.
    @Test(arguments: [(4, QuantizationOptions.Granularity.channel, 1.0), (3, .channel, 2.0), (4, .group(64), 0.3), (3, .group(64), 0.8), (2, .group(64), 2.0)])
    func clippingBeatsTheRange(bits: Int, granularity: QuantizationOptions.Granularity, decibels: Double) throws {
        var random = SeededRandom(seed: 4)
        let values = (0..<16 * 1024).map { _ in (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) } }
        let gain = try Self.sqnr(bits, granularity, .mse, values) - Self.sqnr(bits, granularity, .rtn, values)
        #expect(gain > decibels, "\(gain)")
    }

    @Test func outliersDoNotMakeClippingWorse() throws {
        var values = Self.noise(16 * 512)
        for index in stride(from: 5, to: values.count, by: 97) { values[index] *= 6 }
        #expect(try Self.sqnr(4, .group(64), .mse, values) >= Self.sqnr(4, .group(64), .rtn, values))
        #expect(try Self.sqnr(4, .group(64), .hqq, values) >= Self.sqnr(4, .group(64), .rtn, asymmetric: true, values))
    }

    /// A scale for every 16 weights: in a table, with both signs.
    @Test func scalesOfBothSignsAreStoredAsTheyWereUsed() throws {
        let values = Self.noise(16 * 8192), op = Node("Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: [Attribute("transB", .int(1))])
        let options = QuantizationOptions(scheme: .integers(bits: 3), granularity: .group(16), method: .mse)
        let done = try Self.quantize(Self.model([16, 8192], values, op: op), options)
        guard case .affine(let affine) = done.tensor.encoding, case .palette = affine.scale.encoding else { Issue.record("no table"); return }
        let scales = try Self.scales(affine.scale)
        #expect(scales.contains { $0 < 0 } && scales.contains { $0 > 0 })
        let decoded = try Self.floats(done.tensor)
        let signal = values.reduce(0.0) { $0 + Double($1) * Double($1) }, noise = zip(values, decoded).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        #expect(abs(try #require(done.report.changed.first?.change?.sqnr) - 10 * (signal / noise).logarithm10) < 0.01)
    }

    /// What an Add reads is no matrix: all of it is one row of several axes, and groups are not to be had.
    @Test func weightsOfUnknownFormHaveNoGroups() throws {
        let values = Self.noise(200 * 4)
        let done = try Self.quantize(
            Self.model([1, 200, 4], values, op: Node("Add", inputs: ["x", "w"], outputs: ["y"])), QuantizationOptions(scheme: .integers(bits: 8), granularity: .group(32)))
        try done.tensor.checkEncoding()
        let decoded = try Self.floats(done.tensor)
        #expect(zip(values, decoded).allSatisfy { abs($0 - $1) < 0.01 })
    }

    @Test func whatIsNoNumberLeavesItsTensorAlone() throws {
        var values = Self.noise(64 * 32)
        values[33] = .nan
        let done = try Self.quantize(Self.model([64, 32], values), QuantizationOptions(scheme: .integers(bits: 8)))
        #expect(done.report.changed.isEmpty)
        #expect(done.report.rows.first?.reasonToStay == "holds NaN or infinity, first in row 1")
        if case .plain = done.tensor.encoding {} else { Issue.record("encoded") }
    }

    @Test func entropyKeepsTheLargestWeights() throws {
        var values = Self.noise(64 * 300)
        values[1000] = 9
        let op = Node("Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: [Attribute("transB", .int(1))])
        let done = try Self.quantize(Self.model([64, 300], values, op: op), QuantizationOptions(scheme: .entropy(step: 0.1), correctsBiases: false))
        guard case .affine(let affine) = done.tensor.encoding else { Issue.record("not encoded"); return }
        #expect(affine.bits == 16)
        let decoded = try Self.floats(done.tensor), step = try Self.scales(affine.scale)
        #expect(affine.block == [1, 0])
        #expect(zip(values, decoded).enumerated().allSatisfy { abs($1.0 - $1.1) <= 0.5001 * step[$0 / 300] })
    }

    struct Axis: CustomTestStringConvertible {
        let op: String
        let dims: [Int]
        var input = 1
        var attributes: [Attribute] = []
        /// Scales along each axis, with one for each channel.
        let cells: [Int]
        var testDescription: String { "\(op) \(dims)" }
    }

    static let axes = [
        Axis(op: "MatMul", dims: [40, 24], cells: [1, 24]),
        Axis(op: "MatMul", dims: [3, 40, 24], cells: [3, 1, 24]),
        Axis(op: "MatMul", dims: [24, 40], input: 0, cells: [24, 1]),
        Axis(op: "Gemm", dims: [40, 24], cells: [1, 24]),
        Axis(op: "Gemm", dims: [24, 40], attributes: [Attribute("transB", .int(1))], cells: [24, 1]),
        Axis(op: "Conv", dims: [24, 8, 3, 3], cells: [24, 1, 1, 1]),
        Axis(op: "Conv", dims: [24, 4, 3, 3], attributes: [Attribute("group", .int(2))], cells: [24, 1, 1, 1]),
        Axis(op: "ConvTranspose", dims: [8, 24, 3, 3], cells: [1, 24, 1, 1]),
        Axis(op: "ConvTranspose", dims: [8, 12, 3, 3], attributes: [Attribute("group", .int(2))], cells: [2, 12, 1, 1]),
        Axis(op: "Gather", dims: [24, 40], input: 0, cells: [24, 1]),
        Axis(op: "LSTM", dims: [2, 24, 40], cells: [2, 24, 1]),
        Axis(op: "GRU", dims: [1, 24, 40], input: 2, cells: [1, 24, 1]),
        Axis(op: "Einsum", dims: [40, 24], attributes: [Attribute("equation", .string(Array("bk,kn->bn".utf8)))], cells: [1, 24]),
        Axis(op: "Einsum", dims: [40, 4, 6], attributes: [Attribute("equation", .string(Array("bk,khd->bhd".utf8)))], cells: [1, 4, 6]),
    ]

    @Test(arguments: axes) func channelsAreThoseOfTheOperator(each: Axis) throws {
        var inputs: [Name] = ["x", "x", "x"]
        inputs[each.input] = "w"
        let node = Node(Name(each.op), inputs: Array(inputs[...max(1, each.input)]), outputs: ["y"], attributes: each.attributes)
        let done = try Self.quantize(
            Self.model(each.dims, Self.noise(each.dims.reduce(1, *)), op: node), QuantizationOptions(scheme: .integers(bits: 6), correctsBiases: false))
        guard case .affine(let affine) = done.tensor.encoding else { Issue.record("not encoded"); return }
        #expect(try Grid(block: affine.block, dims: each.dims).cells == each.cells)
        #expect(affine.scale.elementCount == each.cells.reduce(1, *))
    }

    /// The smallest type that the operator set has; where it has none, the next one, or whole bytes.
    @Test(arguments: [(2, Int64(25), ElementType.int2), (3, 25, .int4), (4, 21, .int4), (5, 21, .int8), (8, 13, .int8), (8, 10, .int8)])
    func exportHasTheSmallestTypeOfItsOperatorSet(bits: Int, opset: Int64, type: ElementType) throws {
        var model = Self.model([64, 32], Self.noise(64 * 32), op: Node("Relu", inputs: ["w"], outputs: ["y"]))
        model.opsetImports = [OpsetImport(version: opset)]
        // An operator that no later operator set has as it is keeps the operator set.
        model.graph.nodes.append(Node("Upsample", inputs: ["y", "s"], outputs: ["z"]))
        let done = try Quantization.quantize(model, options: QuantizationOptions(scheme: .integers(bits: bits), granularity: .tensor, method: .rtn), folder: "/tmp")
        let export = try OnnxExport.export(done.model)
        #expect(export.model.opsetImports.first?.version == opset)
        #expect(export.model.graph.initializers.contains { $0.elementType == type && $0.dims == [64, 32] })
        #expect(export.model.graph.nodes.contains { $0.opType == "DequantizeLinear" })
    }

    /// Fine codes of 16-bit floats take 16 bits before deflate and fewer behind it.
    @Test func entropyOfHalvesCountsBehindDeflate() throws {
        let values = Self.noise(64 * 512)
        var bytes = [UInt8](repeating: 0, count: values.count * 2)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe bytes.withUnsafeMutableBytes { unsafe FloatConversion.fromFloat(values, .float16, into: $0) }
        }
        var model = Self.model([64, 512], values)
        model.graph.initializers = [Tensor(name: "w", .float16, dims: [64, 512], bytes: TensorBytes(bytes))]
        let change = try #require(try Self.quantize(model, QuantizationOptions(scheme: .entropy(step: 0.02))).report.changed.first?.change)
        #expect(change.bits == 16)
        #expect(change.deflatedByteCount < 64 * 512 * 9 / 8)
    }

    @Test func patternsThatMatchNothingAreRefused() {
        let options = QuantizationOptions(scheme: .integers(bits: 8), only: [NamePattern("v*")])
        #expect(throws: ModelError.self) { try Self.quantize(Self.model([64, 32], Self.noise(64 * 32)), options) }
    }

    @Test func halvesGetACast() throws {
        let done = try Self.quantize(Self.model([64, 32], Self.noise(64 * 32)), QuantizationOptions(scheme: .half(.float16)))
        #expect(done.tensor.elementType == .float16)
        #expect(done.model.graph.nodes.first?.opType == "Cast")
        #expect(done.model.graph.nodes.first?.outputs == ["w"])
    }
}
