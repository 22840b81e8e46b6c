import ModelGraph
import TestSupport
import Testing

@testable import Compression
@testable import Execution
@testable import Tensors

/// What samples tell of a model, and what rounding makes of it.
@Suite struct CalibrationTests {
    private static func normal(_ random: inout SeededRandom) -> Float {
        (0..<6).reduce(Float(-3)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) }
    }

    // MARK: - lookups

    @Test func sharesAreOnesOnAverage() {
        var counts = LookupCounts(rows: 1000), random = SeededRandom(seed: 3)
        // Rows by a power law, as words are.
        for _ in 0..<2000 { counts.add(min(999, Int(1 / Double.random(in: 0.001..<1, using: &random)) - 1)) }
        let shares = counts.shares()
        #expect(abs(shares.reduce(0, +) / 1000 - 1) < 0.01)
        #expect(shares.allSatisfy { $0 > 0 })
        #expect(shares[0] > shares[20] && shares[20] > shares[900])
    }

    @Test func rowsAmongTheRareAreExpectedMoreThanThoseFarFromAny() {
        var counts = LookupCounts(rows: 1000)
        for _ in 0..<300 { counts.add(0) }
        // Every second of the first 200 rows was seen once.
        for row in stride(from: 2, to: 200, by: 2) { counts.add(row) }
        let shares = counts.shares()
        #expect(shares[101] > 2 * shares[801])
        #expect(abs(shares.reduce(0, +) / 1000 - 1) < 0.01)
    }

    @Test func negativeIndicesAreFromTheEndAndOthersNone() {
        var counts = LookupCounts(rows: 4)
        for index in [-1, 3, 4, -5, .max, .min] { counts.add(index) }
        #expect(counts.counts == [0, 0, 0, 2] && counts.total == 2)
        #expect(LookupCounts(rows: 4).shares() == [1, 1, 1, 1])
        #expect(LookupCounts(rows: 0).stepFactors() == [])
    }

    /// y = table[ids] @ w: rows that samples look up often keep more than those that they never do.
    @Test func rowsThatAreLookedUpOftenAreFiner() throws {
        var random = SeededRandom(seed: 5)
        let table = (0..<600 * 32).map { _ in Self.normal(&random) }, w = (0..<32 * 32).map { _ in Self.normal(&random) }
        let model = Model.small {
            $0.graph.inputs = [ValueInfo(name: "ids", type: .tensor(.int64, [12]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float, [12, 32]))]
            $0.graph.nodes = [Node("Gather", inputs: ["table", "ids"], outputs: ["x"]), Node("MatMul", inputs: ["x", "w"], outputs: ["y"])]
            $0.graph.initializers = [.floats("table", [600, 32], table), .floats("w", [32, 32], w)]
        }
        let values: [[Name: Value]] = (0..<24).map { sample in
            let ids = (0..<12).map { _ in Int64(Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 10..<600, using: &random) : sample % 10) }
            return ["ids": .tensor(Tensor(.int64, dims: [12], bytes: TensorBytes(ids.flatMap { littleEndianBytes(UInt64(bitPattern: $0)) })))]
        }
        let options = QuantizationOptions(scheme: .entropy(step: 0.5), correctsBiases: false), samples = Samples(values, origin: "some")
        let calibration = try Calibration.measure(model, samples: samples, options: options)
        #expect(calibration.notes.contains { $0.contains("1 tables have steps by row") })
        let trial = try Quantization.quantize(model, options: options, calibration: calibration.withoutHeldOut(), folder: "/tmp")
        // Before it is known what matters, one step serves the table.
        #expect(try Self.scales(trial.model, 0).count == 1)
        try calibration.balanceSteps(of: model, rounded: trial, samples: samples, threads: 1)
        let scales = try Self.scales(Quantization.quantize(model, options: options, calibration: calibration, folder: "/tmp").model, 0)
        try #require(scales.count == 600)
        let common = scales[..<10].reduce(0, +) / 10, rare = scales[10...].reduce(0, +) / 590
        #expect(common * 3 < rare)
    }

    private static func scales(_ model: Model, _ index: Int) throws -> [Float] {
        guard case .affine(let affine) = model.graph.initializers[index].encoding else { return [] }
        return try StripReader.floats(affine.scale.plainBytes(), affine.scale.elementType, 0..<(affine.scale.elementCount ?? 0))
    }

    // MARK: - samples held out

    private static func sums(_ vectors: Int, columns n: Int, _ mix: [Float], _ random: inout SeededRandom) -> MomentSums {
        let sums = MomentSums(count: n)
        for _ in 0..<vectors {
            let z = (0..<n).map { _ in normal(&random) }
            let x = (0..<n).map { i in (0..<n).reduce(z[i]) { $0 + mix[i * n + $1] * z[$1] } }
            x.withUnsafeBufferPointer { sums.add($0) }
        }
        return sums
    }

    @Test func momentsWithoutThoseHeldOutAreThoseOfTheRest() throws {
        var random = SeededRandom(seed: 7), again = SeededRandom(seed: 7)
        let mix = [Float](repeating: 0.3, count: 64)
        let rest = Self.sums(40, columns: 8, mix, &random), out = Self.sums(20, columns: 8, mix, &random)
        let all = try #require(rest.moments(heldOut: out)), alone = try #require(Self.sums(40, columns: 8, mix, &again).moments(heldOut: nil))
        #expect(all.vectorCount == 60)
        let trained = all.withoutHeldOut()
        #expect(trained.vectorCount == 40)
        #expect(zip(trained.second, alone.second).allSatisfy { abs($0 - $1) < 1e-4 * (1 + abs($1)) })
        #expect(zip(trained.mean, alone.mean).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(alone.withoutHeldOut() === alone)
    }

    /// Few vectors say little of how columns go together, many much.
    @Test func fewVectorsAreTrustedLess() throws {
        func damping(_ vectors: Int) throws -> Double {
            let n = 48
            var random = SeededRandom(seed: 11)
            let mix = (0..<n * n).map { _ in Self.normal(&random) * 0.3 }
            let rest = Self.sums(vectors, columns: n, mix, &random), out = Self.sums(vectors / 2, columns: n, mix, &random)
            let moments = try #require(rest.moments(heldOut: out))
            let rows = (0..<32 * n).map { _ in Self.normal(&random) }
            try DampingChoice.choose(moments, rows: rows, scales: [Float](repeating: 0.7, count: 32), low: -32767, high: 32767, ordersColumns: true)
            return try #require(moments.damping)
        }
        #expect(try damping(12) >= 0.3)
        #expect(try damping(4000) <= 0.03)
    }
}
