import Foundation
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

    // MARK: - what the moments are of

    private static func samples(_ dims: [Int], count: Int = 3) -> Samples {
        var random = SeededRandom(seed: 13)
        let values = (0..<count).map { _ -> [Name: Value] in
            ["x": .tensor(.floats(nil, dims, (0..<dims.reduce(1, *)).map { _ in normal(&random) + 0.3 }))]
        }
        return Samples(values, origin: "some")
    }

    /// With moments H, the mean square of what row w of a weight makes is w·H·wᵀ: here of all rows together, from the moments and from the outputs.
    private static func expectMomentsOfOutputs(_ node: Node, weight dims: [Int], input: [Int], opset: Int64 = 17) throws {
        var random = SeededRandom(seed: 17)
        let values = (0..<dims.reduce(1, *)).map { _ in normal(&random) }
        let model = Model.small {
            $0.opsetImports = [OpsetImport(version: opset)]
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
            $0.graph.nodes = [node]
            $0.graph.initializers = [.floats("w", dims, values)]
        }
        let samples = samples(input), session = try Session(model, options: .init(threads: 1))
        var squares = 0.0, count = 0
        for sample in samples.values {
            guard case .tensor(let y)? = try session.run(sample).first else { Issue.record("no output"); return }
            for value in try StripReader.floats(y.plainBytes(), .float, 0..<(y.elementCount ?? 0)) { squares += Double(value * value) }
            count += y.elementCount ?? 0
        }
        let weight = try #require(model.weights(smallest: 1).first)
        let calibration = try Calibration.measure(model, samples: samples, options: QuantizationOptions(scheme: .integers(bits: 4), smallest: 1))
        let statistics = try #require(try calibration.statistics(weight), "\(node.opType ?? "")")
        let reader = try StripReader(model.graph.initializers[0], weight.view)
        var energy = 0.0
        for strip in reader.strips(lanes: 1) { energy += statistics.moments[strip.outer].energy(of: try reader.floats(strip)) }
        let expected = squares / Double(count) * Double(weight.view.outer * weight.view.rows)
        #expect(abs(energy - expected) < 1e-3 * expected, "\(node.opType ?? "") \(node.attributes): \(energy) instead of \(expected)")
    }

    @Test(arguments: [1, 2], [[1, 1], [2, 3]])
    func momentsOfConvolutionsAreThoseOfTheirOutputs(groups: Int, strides: [Int]) throws {
        let dilations = [strides[0], 1]
        let attributes = [
            Attribute("group", .int(Int64(groups))), Attribute("strides", .ints(strides.map(Int64.init))), Attribute("dilations", .ints(dilations.map(Int64.init))),
            Attribute("pads", .ints([1, 0, 2, 1])),
        ]
        try Self.expectMomentsOfOutputs(Node("Conv", inputs: ["x", "w"], outputs: ["y"], attributes: attributes), weight: [6, 4 / groups, 3, 2], input: [2, 4, 9, 7])
        try Self.expectMomentsOfOutputs(
            Node("ConvTranspose", inputs: ["x", "w"], outputs: ["y"], attributes: attributes), weight: [4, 6 / groups, 3, 2], input: [2, 4, 5, 6])
    }

    @Test(arguments: ["bsc,cd->bsd", "cd,bsc->bsd", "bsc,dc->bsd"])
    func momentsOfEinsumsAreThoseOfTheirOutputs(equation: String) throws {
        let isFirst = equation.hasPrefix("cd"), dims = equation.contains("dc") ? [12, 8] : [8, 12]
        let node = Node("Einsum", inputs: isFirst ? ["w", "x"] : ["x", "w"], outputs: ["y"], attributes: [Attribute("equation", .string(Array(equation.utf8)))])
        try Self.expectMomentsOfOutputs(node, weight: dims, input: [2, 5, 8])
    }

    @Test func momentsOfAnEinsumWithHeads() throws {
        let node = Node("Einsum", inputs: ["x", "w"], outputs: ["y"], attributes: [Attribute("equation", .string(Array("bsc,chd->bhsd".utf8)))])
        try Self.expectMomentsOfOutputs(node, weight: [8, 3, 4], input: [2, 5, 8])
    }

    /// y = x @ w, three times over; the body's weight is the body's own.
    @Test(arguments: ["Loop", "Scan"]) func bodiesOfLoopsHaveStatistics(op: String) throws {
        var random = SeededRandom(seed: 19)
        let w = (0..<24 * 24).map { _ in Self.normal(&random) * 0.2 }, isLoop = op == "Loop"
        let product = Node("MatMul", inputs: ["s", "w"], outputs: ["t"])
        let body = Graph(
            name: "body", nodes: isLoop ? [Node("Identity", inputs: ["c"], outputs: ["d"]), product] : [product, Node("Identity", inputs: ["t"], outputs: ["u"])],
            inputs: isLoop ? [ValueInfo(name: "i", type: .tensor(.int64, [])), ValueInfo(name: "c", type: .tensor(.bool, [])), ValueInfo(name: "s", type: .tensor(.float, [4, 24]))]
                : [ValueInfo(name: "s", type: .tensor(.float, [4, 24]))],
            outputs: isLoop ? [ValueInfo(name: "d", type: .tensor(.bool, [])), ValueInfo(name: "t", type: .tensor(.float, [4, 24]))]
                : [ValueInfo(name: "u", type: .tensor(.float, [4, 24]))],
            initializers: [.floats("w", [24, 24], w)])
        let model = Model.small {
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, isLoop ? [4, 24] : [5, 4, 24]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
            $0.graph.initializers = isLoop ? [.ints("n", [], [3])] : []
            $0.graph.nodes = [
                Node(
                    Name(op), inputs: isLoop ? ["n", "", "x"] : ["x"], outputs: ["y"],
                    attributes: [Attribute("body", .graph(body))] + (isLoop ? [] : [Attribute("num_scan_inputs", .int(1))]))
            ]
        }
        let samples = Self.samples(isLoop ? [4, 24] : [5, 4, 24]), options = QuantizationOptions(scheme: .integers(bits: 4))
        let calibration = try Calibration.measure(model, samples: samples, options: options)
        #expect(calibration.notes.isEmpty, "\(calibration.notes)")
        let done = try Quantization.quantize(model, options: options, calibration: calibration, folder: "/tmp")
        #expect(done.report.changed.count == 1 && done.report.changed[0].change?.usedStatistics == true && done.report.changed[0].change?.method == .gptq)
        let moments = try #require(try calibration.statistics(model.weights().filter { $0.reasonToStay == nil }[0])).moments
        // Each round of each sample.
        #expect(moments[0].vectorCount == 3 * 4 * (isLoop ? 3 : 5))
    }

    /// y = f(f(x, …)), f a product with a weight of its own or one that it is given; the statistics are those of both calls.
    @Test(arguments: [false, true]) func functionsHaveStatisticsOfAllTheirCalls(isGiven: Bool) throws {
        var random = SeededRandom(seed: 23)
        let w = (0..<24 * 24).map { _ in Self.normal(&random) * 0.2 }, weight = Tensor.floats("w", [24, 24], w)
        let own = Node("Constant", outputs: ["v"], attributes: [Attribute("value", .tensor(weight))])
        let model = Model.small {
            $0.opsetImports.append(OpsetImport(domain: "own", version: 1))
            $0.functions = [
                Function(
                    name: "inner", domain: "own", inputs: ["a", "v"], outputs: ["b"], nodes: [Node("MatMul", inputs: ["a", "v"], outputs: ["b"])],
                    opsetImports: [OpsetImport(version: 17)]),
                Function(
                    name: "f", domain: "own", inputs: isGiven ? ["a", "v"] : ["a"], outputs: ["b", "c"],
                    nodes: (isGiven ? [] : [own]) + [
                        Node("inner", domain: "own", inputs: ["a", "v"], outputs: ["m"]), Node("Tanh", inputs: ["m"], outputs: ["b"]),
                        Node("Neg", inputs: ["a"], outputs: ["c"]),
                    ], opsetImports: [OpsetImport(version: 17), OpsetImport(domain: "own", version: 1)]),
            ]
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, [4, 24]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
            $0.graph.initializers = isGiven ? [weight] : []
            // The second output of f is not asked for.
            $0.graph.nodes = [
                Node("f", domain: "own", inputs: isGiven ? ["x", "w"] : ["x"], outputs: ["t"]), Node("f", domain: "own", inputs: isGiven ? ["t", "w"] : ["t"], outputs: ["y"]),
            ]
        }
        let samples = Self.samples([4, 24]), options = QuantizationOptions(scheme: .integers(bits: 4))
        let calibration = try Calibration.measure(model, samples: samples, options: options)
        #expect(calibration.notes.isEmpty, "\(calibration.notes)")
        let found = try #require(model.weights().first { $0.reasonToStay == nil })
        #expect(found.users == ["MatMul"])
        let moments = try #require(try calibration.statistics(found)).moments
        try #require(moments.count == 1 && moments[0].vectorCount == 2 * 3 * 4)
        // The same by hand: of x, and of tanh(x w).
        var second = [Float](repeating: 0, count: 24 * 24)
        for sample in samples.values {
            guard case .tensor(let x)? = sample["x"] else { continue }
            let values = try StripReader.floats(x.plainBytes(), .float, 0..<4 * 24)
            for row in 0..<4 {
                let first = Array(values[row * 24..<(row + 1) * 24])
                let next = (0..<24).map { column in tanhf((0..<24).reduce(Float(0)) { $0 + first[$1] * w[$1 * 24 + column] }) }
                for vector in [first, next] { for i in 0..<24 { for j in 0..<24 { second[i * 24 + j] += vector[i] * vector[j] / 24 } } }
            }
        }
        #expect(zip(moments[0].second, second).allSatisfy { abs($0 - $1) < 1e-3 })
        let done = try Quantization.quantize(model, options: options, calibration: calibration, folder: "/tmp")
        #expect(done.report.changed.count == 1 && done.report.changed[0].change?.usedStatistics == true)
    }

    /// Two weights given to one function: each has the statistics of its own call.
    @Test func weightsOfDifferentCallsHaveDifferentStatistics() throws {
        var random = SeededRandom(seed: 29)
        let model = Model.small {
            $0.opsetImports.append(OpsetImport(domain: "own", version: 1))
            $0.functions = [
                Function(
                    name: "f", domain: "own", inputs: ["a", "v"], outputs: ["b"], nodes: [Node("MatMul", inputs: ["a", "v"], outputs: ["b"])],
                    opsetImports: [OpsetImport(version: 17)])
            ]
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, [4, 24]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
            $0.graph.initializers = ["u", "w"].map { .floats($0, [24, 24], (0..<576).map { _ in Self.normal(&random) }) }
            $0.graph.nodes = [Node("f", domain: "own", inputs: ["x", "u"], outputs: ["t"]), Node("f", domain: "own", inputs: ["t", "w"], outputs: ["y"])]
        }
        let calibration = try Calibration.measure(model, samples: Self.samples([4, 24]), options: QuantizationOptions(scheme: .integers(bits: 4)))
        let energies = try model.weights().filter { $0.reasonToStay == nil }.map { weight in
            let moments = try #require(try calibration.statistics(weight)).moments[0]
            #expect(moments.vectorCount == 12)
            return moments.diagonal.reduce(0, +)
        }
        // The second sees what the first made larger.
        try #require(energies.count == 2)
        #expect(energies[1] > 4 * energies[0])
    }

    /// Forty functions that call the next one twice: more calls than can be opened, or run.
    @Test func callsWithoutNumberEnd() throws {
        let own = Node("Constant", outputs: ["v"], attributes: [Attribute("value", .tensor(.floats("w", [24, 24], [Float](repeating: 0.1, count: 576))))])
        let model = Model.small {
            $0.opsetImports.append(OpsetImport(domain: "own", version: 1))
            $0.functions = (0..<40).map { level in
                Function(
                    name: Name("f\(level)"), domain: "own", inputs: ["a"], outputs: ["b"],
                    nodes: level == 39 ? [own, Node("MatMul", inputs: ["a", "v"], outputs: ["b"])]
                        : [Node(Name("f\(level + 1)"), domain: "own", inputs: ["a"], outputs: ["m"]), Node(Name("f\(level + 1)"), domain: "own", inputs: ["m"], outputs: ["b"])],
                    opsetImports: [OpsetImport(version: 17), OpsetImport(domain: "own", version: 1)])
            }
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, [4, 24]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
            $0.graph.nodes = [Node("f0", domain: "own", inputs: ["x"], outputs: ["y"])]
        }
        #expect(throws: ModelError.self) {
            try Calibration.measure(model, samples: Self.samples([4, 24]), options: QuantizationOptions(scheme: .integers(bits: 4)))
        }
    }

    /// A body whose value grows by a row each round cannot hand it out; calibration goes on without.
    @Test func valuesThatGrowAreLeft() throws {
        let body = Graph(
            name: "body",
            nodes: [
                Node("Identity", inputs: ["c"], outputs: ["d"]), Node("MatMul", inputs: ["s", "w"], outputs: ["m"]), Node("Concat", inputs: ["s", "m"], outputs: ["t"], attributes: [Attribute("axis", .int(0))]),
            ],
            inputs: [ValueInfo(name: "i", type: .tensor(.int64, [])), ValueInfo(name: "c", type: .tensor(.bool, [])), ValueInfo(name: "s", type: .tensor(.float))],
            outputs: [ValueInfo(name: "d", type: .tensor(.bool, [])), ValueInfo(name: "t", type: .tensor(.float))],
            initializers: [.floats("w", [24, 24], (0..<576).map { Float($0 % 11) / 40 })])
        let model = Model.small {
            $0.graph.inputs = [ValueInfo(name: "x", type: .tensor(.float, [1, 24]))]
            $0.graph.outputs = [ValueInfo(name: "y", type: .tensor(.float))]
            $0.graph.initializers = [.ints("n", [], [3])]
            $0.graph.nodes = [Node("Loop", inputs: ["n", "", "x"], outputs: ["y"], attributes: [Attribute("body", .graph(body))])]
        }
        let options = QuantizationOptions(scheme: .integers(bits: 4))
        let calibration = try Calibration.measure(model, samples: Self.samples([1, 24]), options: options)
        #expect(calibration.notes == ["1 weights were not reached by the samples and are rounded without statistics"])
        #expect(try Quantization.quantize(model, options: options, calibration: calibration, folder: "/tmp").report.changed.count == 1)
    }
}
