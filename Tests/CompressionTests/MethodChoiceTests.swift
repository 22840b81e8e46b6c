import ModelGraph
import TestSupport
import Testing

@testable import Compression
@testable import Execution
@testable import Tensors

/// What `auto` takes, and that nothing measures better.
@Suite struct MethodChoiceTests {
    private typealias Method = QuantizationOptions.Method

    private static func normal(_ random: inout SeededRandom) -> Float {
        (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) }
    }

    /// y = x wᵀ with w [rows, columns].
    private static func product(_ values: [Float], columns: Int) -> Model {
        Model.small {
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, [8, Int64(columns)]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float, [8, Int64(values.count / columns)]))]
            $0.graph.nodes = [Node("Gemm", inputs: ["x", "w"], outputs: ["y"], attributes: [Attribute("transB", .int(1))])]
            $0.graph.initializers = [.floats("w", [values.count / columns, columns], values)]
        }
    }

    private static func quantize(_ model: Model, _ options: QuantizationOptions, _ calibration: Calibration? = nil) throws -> (tensor: Tensor, change: QuantizationReport.Change) {
        let done = try Quantization.quantize(model, options: options, calibration: calibration, folder: "/tmp")
        return (done.model.graph.initializers[0], try #require(done.report.changed.first?.change))
    }

    private static func hasZeroPoints(_ tensor: Tensor) -> Bool {
        if case .affine(let affine) = tensor.encoding { affine.zeroPoint != nil } else { false }
    }

    // MARK: - which one wins

    /// Evenly spread from −1 to 1, both in each row: clipping costs more than a finer step brings, and a zero point has nothing to move.
    @Test func theRangeWinsWhereWeightsFillIt() throws {
        let values: [Float] = (0..<16 * 256).map { Float($0 * 97 % 256) / 127.5 - 1 }
        let done = try Self.quantize(Self.product(values, columns: 256), QuantizationOptions(scheme: .integers(bits: 7)))
        #expect(done.change.method == .rtn)
        #expect(done.change.rows.first?.count == 16)
        #expect(!Self.hasZeroPoints(done.tensor))
    }

    @Test func clippingWinsWhereFewWeightsAreLarge() throws {
        var random = SeededRandom(seed: 2)
        let values = (0..<16 * 1024).map { _ in Self.normal(&random) }
        let done = try Self.quantize(Self.product(values, columns: 1024), QuantizationOptions(scheme: .integers(bits: 3)))
        #expect(done.change.method == .mse)
        #expect(done.change.rows.first?.count == 16)
        #expect(!Self.hasZeroPoints(done.tensor) && !done.change.isChosenInPart)
    }

    /// All above 0: without zero points half of the codes would be of no use.
    @Test(arguments: [2, 4, 8]) func zeroPointsWinWhereWeightsAreOfOneSign(bits: Int) throws {
        let values: [Float] = (0..<16 * 256).map { Float($0 * 97 % 256) / 256 }
        for granularity in [QuantizationOptions.Granularity.tensor, .channel, .group(64)] {
            let done = try Self.quantize(Self.product(values, columns: 256), QuantizationOptions(scheme: .integers(bits: bits), granularity: granularity))
            #expect(Self.hasZeroPoints(done.tensor))
            if bits == 8 { #expect(done.change.method == .hqq) }
            let around = try Self.quantize(Self.product(values, columns: 256), QuantizationOptions(scheme: .integers(bits: bits), granularity: granularity, isAsymmetric: false))
            #expect(!Self.hasZeroPoints(around.tensor) && around.change.sqnr + (bits == 8 ? 5 : 0) < done.change.sqnr)
        }
    }

    /// Of more than 2^20 weights, some rows speak for all; each row still has its own method.
    @Test func aPartOfTheRowsSpeaksForLargeWeights() throws {
        var random = SeededRandom(seed: 6)
        for isOfOneSign in [false, true] {
            let values: [Float] = (0..<1100 * 1000).map { index in
                let value = Float.random(in: -1..<1, using: &random)
                // The largest of a row is far out, on the one side or the other.
                return isOfOneSign ? abs(value) : index % 1000 == 0 ? (index % 2000 == 0 ? 4 : -4) : value
            }
            let done = try Self.quantize(Self.product(values, columns: 1000), QuantizationOptions(scheme: .integers(bits: 4)))
            #expect(done.change.isChosenInPart)
            #expect(Self.hasZeroPoints(done.tensor) == isOfOneSign)
            #expect(done.change.rows.reduce(0) { $0 + $1.count } == 1100)
        }
    }

    // MARK: - nothing is better

    struct Case: CustomTestStringConvertible {
        let scheme: QuantizationOptions.Scheme
        let granularity: QuantizationOptions.Granularity
        let isConvolution: Bool
        let hasSamples: Bool
        var testDescription: String { "\(scheme) \(granularity)\(isConvolution ? ", grouped convolution" : "")\(hasSamples ? ", samples" : "")" }
    }

    static let cases: [Case] = [.integers(bits: 2), .integers(bits: 3), .integers(bits: 4), .integers(bits: 6), .integers(bits: 8), .entropy(step: 0.4)].flatMap { scheme in
        [QuantizationOptions.Granularity.tensor, .channel, .group(16)].flatMap { granularity in
            [false, true].flatMap { isConvolution in [false, true].map { Case(scheme: scheme, granularity: granularity, isConvolution: isConvolution, hasSamples: $0) } }
        }
    }

    @Test(arguments: cases) func noMethodMeasuresBetter(each: Case) throws {
        for kind in 0..<4 {
            var random = SeededRandom(seed: UInt64(kind + 10))
            let dims = each.isConvolution ? [24, 6, 3, 3] : [40, 48], count = dims.reduce(1, *)
            let values: [Float] = (0..<count).map { _ in
                switch kind {
                case 0: Self.normal(&random)
                case 1: abs(Self.normal(&random)) + 0.3
                // Few large ones; and a mixture that leans to one side.
                case 2: Self.normal(&random) * (Int.random(in: 0..<40, using: &random) == 0 ? 5 : 1)
                default: Float.random(in: -0.2..<1, using: &random) * Float.random(in: 0..<1, using: &random)
                }
            }
            let node = Node(
                each.isConvolution ? "Conv" : "Gemm", inputs: ["x", "w"], outputs: ["y"],
                attributes: [each.isConvolution ? Attribute("group", .int(4)) : Attribute("transB", .int(1))])
            let shape = each.isConvolution ? [1, 24, 9, 9] : [12, 48]
            let model = Model.small {
                $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float))]
                $0.graph.outputs = [ValueInfo(name: "y", type: nil)]
                $0.graph.nodes = [node]
                $0.graph.initializers = [.floats("w", dims, values)]
            }
            // Neighbours go together.
            let samples: [[Name: Value]] = (0..<12).map { _ in
                var last: Float = 0
                return ["x": .tensor(.floats("x", shape, (0..<shape.reduce(1, *)).map { _ in last = last * 0.8 + Self.normal(&random); return last }))]
            }
            var options = QuantizationOptions(scheme: each.scheme, granularity: each.granularity)
            let calibration = each.hasSamples ? try Calibration.measure(model, samples: Samples(samples, origin: "some"), options: options) : nil
            let weight = try #require(model.weights().first), statistics = try calibration?.statistics(weight)
            #expect((statistics != nil) == each.hasSamples)
            func error(_ method: Method, _ isAsymmetric: Bool?) throws -> Double {
                (options.method, options.isAsymmetric) = (method, isAsymmetric)
                return try Self.error(values, Self.quantize(model, options, calibration).tensor, weight, statistics)
            }
            var methods = Method.allCases.filter { $0 != .auto }
            if case .entropy = each.scheme { methods = [.rtn, .gptq] }
            for isAsymmetric in [nil, false, true] as [Bool?] {
                if case .entropy = each.scheme, isAsymmetric == true { continue }
                let auto = try error(.auto, isAsymmetric)
                for method in methods where method != .hqq || isAsymmetric != false {
                    let single = try error(method, isAsymmetric)
                    #expect(auto <= single * 1.0001, "kind \(kind), \(method), \(String(describing: isAsymmetric)): \(auto) above \(single)")
                }
            }
        }
    }

    /// tr(ΔW H ΔWᵀ) with H damped as it was chosen, or Σ Δw².
    private static func error(_ values: [Float], _ tensor: Tensor, _ weight: Weight, _ statistics: InputStatistics?) throws -> Double {
        let before = try StripReader(.floats("w", weight.dims, values), weight.view), after = try StripReader(tensor, weight.view)
        var total = 0.0
        for strip in before.strips(lanes: 1) {
            let columns = weight.view.columns, moments = statistics?.moments(strip.outer)
            var second = moments?.second
            if let moments {
                let mean = moments.diagonal.reduce(0, +) / Float(columns), damping = Float(moments.damping ?? InputMoments.usualDamping)
                for i in 0..<columns { second?[i * columns + i] += mean * damping }
            }
            let misses = zip(try before.floats(strip), try after.floats(strip)).map { Double($0) - Double($1) }
            for start in stride(from: 0, to: misses.count, by: columns) {
                for i in 0..<columns {
                    guard let second else { total += misses[start + i] * misses[start + i]; continue }
                    for j in 0..<columns { total += misses[start + i] * misses[start + j] * Double(second[i * columns + j]) }
                }
            }
        }
        return total
    }
}
