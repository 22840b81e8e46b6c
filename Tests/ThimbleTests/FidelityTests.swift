import Foundation
import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Execution
@testable import Thimble

/// What two models compute, set against each other.
@Suite struct FidelityTests {
    private struct Figures: Decodable {
        let elements: Int
        let max_abs_error: Double
        let max_relative_error: Double
        let mean_abs_error: Double
        let sqnr_db: Double
        let cosine: Double

        /// Binary32 sums in another order give other last digits.
        func agrees(with error: ValueError) -> Bool {
            func near(_ a: Double?, _ b: Double, _ part: Double) -> Bool { a.map { abs($0 - b) <= part * abs(b) + 1e-7 } ?? false }
            return error.elementCount == elements && near(error.largest, max_abs_error, 1e-3) && near(error.largestRelative, max_relative_error, 1e-3)
                && near(error.mean, mean_abs_error, 1e-3) && near(error.sqnrDecibels, sqnr_db, 1e-4) && near(error.cosine, cosine, 1e-6)
        }
    }

    private struct Expected: Decodable {
        struct Output: Decodable {
            let worst: Int
            let worst_figures: Figures
            let top1_equal: Int
        }

        let layers: [String: Figures]
        let outputs: [String: Output]
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the interpreter"))
    func agreesWithNumPy() throws {
        let folder = try TemporaryFolder(), reference = Places.testModels + "/digits-cnn.onnx"
        let outcome = try Command.oracle("fidelity.py", reference, folder.path).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let expected = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: folder("expected.json"))))
        let samples = SampleOptions(inputs: [folder("samples.npz")])
        let found = try Thimble.fidelity(reference, folder("candidate.onnx"), options: .init(samples: samples, comparesLayers: true, threads: 1))
        #expect(found.samples == 40 && found.outputs.map(\.name) == ["score", "score.again"] && !found.isEqual)
        for output in found.outputs {
            let wanted = try #require(expected.outputs[output.name.text])
            #expect(expected.layers[output.name.text]?.agrees(with: output.error) == true, "\(output)")
            #expect(output.worst?.index == wanted.worst && output.worst?.origin == "samples.npz, \(wanted.worst)")
            #expect(wanted.worst_figures.agrees(with: try #require(output.worst).error), "\(output)")
            #expect(output.top1?.rows == 40 && output.top1?.equal == wanted.top1_equal)
        }
        let layers = try #require(found.layers)
        #expect(Set(layers.layers.map(\.name.text)) == Set(expected.layers.keys) && layers.unmatched == 0)
        for layer in layers.layers {
            #expect(expected.layers[layer.name.text]?.agrees(with: layer.error) == true, "\(layer)")
            #expect(layer.isMatchedByName == (layer.name != "normed"))
        }
        #expect(layers.first?.name == "maps" && layers.first?.noiseBefore == 0)
        // Weights and the node in between; the others only pass on what they get.
        #expect(layers.layers.filter(\.isChanged).map(\.name) == ["maps", "pooled", "hidden", "score", "score.again"])
        #expect(layers.worst.first?.error.sqnrDecibels == layers.layers.compactMap(\.error.sqnrDecibels).min())
    }

    /// Half of the samples take half of the memory if they are kept; they are not.
    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the interpreter"))
    func memoryDoesNotGrowWithTheSamples() throws {
        let folder = try TemporaryFolder()
        func peak(_ count: Int) throws -> Int {
            let made = try Command.oracle("fidelity.py", "--many", folder.path, "\(count)").run()
            try #require(made.exitCode == 0, "\(made)")
            let line = [Places.thimble, "compare", folder("model.onnx"), folder("model.onnx"), "--inputs", folder("samples.npz"), "--layers", "--threads", "1", "--json"]
            let outcome = try Command(line).run()
            try #require(outcome.exitCode == 0 && outcome.text.contains("\"samples\": \(count)"), "\(outcome)")
            return outcome.peakMemory
        }
        let few = try peak(10), many = try peak(200)
        #expect(many - few < 16 << 20, "\(few) bytes for 4 MB of samples, \(many) for 80 MB")
    }

    // MARK: samples

    private static func session(_ dims: Tensors.Dimension...) throws -> Session {
        let type = ValueType.tensor(.float, Shape(dims))
        return try Session(
            .small {
                $0.graph.nodes = [Node("Relu", inputs: ["x"], outputs: ["y"])]
                $0.graph.inputs = [ValueInfo(name: "x", type: type)]
                $0.graph.outputs = [ValueInfo(name: "y", type: nil)]
                $0.graph.initializers = []
            })
    }

    private static func dims(_ session: Session, _ options: SampleOptions) throws -> [[Int]] {
        var dims: [[Int]] = []
        try SampleSource(options, for: session).forEach { sample in
            #expect(sample.index == dims.count)
            dims.append(sample.values["x"]?.tensor?.dims ?? [])
        }
        return dims
    }

    @Test func takesSamplesOutOfStacks() throws {
        let folder = try TemporaryFolder(), path = folder("x.npz")
        try NumpyArchive.write([("x", .floats(nil, [6, 2], (0..<12).map { Float($0) }))], to: path, replacing: false)
        let open = try Self.session(Tensors.Dimension(.symbol("N")), Tensors.Dimension(.value(2)))
        #expect(try Self.dims(open, .init(inputs: [path])) == Array(repeating: [1, 2], count: 6))
        #expect(try Self.dims(open, .init(inputs: [path], rows: 4)) == [[4, 2], [2, 2]])
        #expect(try Self.dims(open, .init(inputs: [path], rows: nil)) == [[6, 2]])
        #expect(try Self.dims(open, .init(inputs: [path], limit: 2)) == [[1, 2], [1, 2]])
        // A fixed size is what a sample has; an array of one axis more holds samples.
        #expect(try Self.dims(Self.session(Tensors.Dimension(.value(3)), Tensors.Dimension(.value(2))), .init(inputs: [path])) == [[3, 2], [3, 2]])
        #expect(try Self.dims(Self.session(Tensors.Dimension(.value(2))), .init(inputs: [path])) == Array(repeating: [2], count: 6))
        var last: Tensor?
        try SampleSource(.init(inputs: [path]), for: open).forEach { last = $0.values["x"]?.tensor }
        #expect(last == .floats(nil, [1, 2], [10, 11]))
    }

    @Test func takesFoldersFileByFile() throws {
        let folder = try TemporaryFolder(), session = try Self.session(Tensors.Dimension(.symbol("N")))
        for number in [10, 9, 1] { try NumpyArchive.write([("x", .floats(nil, [1], [Float(number)]))], to: folder("\(number).npz"), replacing: false) }
        var found: [String] = []
        try SampleSource(.init(inputs: [folder.path]), for: session).forEach { found.append("\($0.origin) \($0.index)") }
        #expect(found == ["1.npz 0", "9.npz 1", "10.npz 2"])
        let empty = try folder.folder("empty")
        #expect(throws: ModelError.self) { try SampleSource(.init(inputs: [empty]), for: session) }
        #expect(try Self.dims(session, .init(isRandom: true, dims: ["N": 3])) == Array(repeating: [3], count: 10))
    }

    // MARK: figures

    private static func meter(_ output: Tensor, _ other: Tensor, nodes: [Node] = [Node("Gemm", inputs: ["a", "b"], outputs: ["y"])]) throws -> OutputFidelity {
        var meter = OutputMeter("y", "y", in: .small { $0.graph.nodes = nodes })
        try meter.add(.tensor(output), .tensor(other), Sample(index: 0, origin: "here", values: [:]))
        return meter.fidelity
    }

    @Test func tellsWhatIsBroken() throws {
        let output = try Self.meter(.floats(nil, [4], [1, .nan, .infinity, 2]), .floats(nil, [4], [1, .nan, 5, .nan]))
        #expect(output.error.brokenCount == 2 && output.error.differingCount == 2 && output.error.cosine == 1)
        var fidelity = Fidelity(samples: 1, outputs: [output])
        #expect(fidelity.missed.isEmpty && fidelity.verdict.hasPrefix("broken: 2 values"))
        fidelity.limits = FidelityLimits(cosine: 0.1)
        #expect(fidelity.missed.count == 1 && fidelity.missed[0].contains("NaN or infinite"))
        let other = try Self.meter(.floats(nil, [4], [1, 2, 3, 4]), .floats(nil, [2, 2], [1, 2, 3, 4]))
        #expect(other.incomparable == "FLOAT[4] against FLOAT[2, 2] in sample 0")
        fidelity.outputs = [other]
        #expect(fidelity.missed == ["output 'y' cannot be compared: FLOAT[4] against FLOAT[2, 2] in sample 0"])
    }

    /// An error where the reference is all zeros has no ratio, and misses what asks for one.
    @Test func errorsWithoutASignalMissEveryRatio() throws {
        let output = try Self.meter(.floats(nil, [2], [0, 0]), .floats(nil, [2], [0, 1e-20]))
        #expect(output.error.noise == .infinity && output.error.sqnrDecibels == nil && output.error.largestRelative == nil)
        var fidelity = Fidelity(samples: 1, outputs: [output])
        fidelity.limits = FidelityLimits(cosine: 0.5, sqnrDecibels: 1, absoluteError: 1, relativeError: 1)
        #expect(fidelity.missed.count == 3)
    }

    @Test func countsTheSameAnswer() throws {
        let a = Tensor.floats(nil, [2, 3], [1, 2, 3, 3, 1, 1]), b = Tensor.floats(nil, [2, 3], [1, 3, 2, 4, 1, .nan])
        #expect(try Self.meter(a, b).top1 == .init(equal: 1, rows: 2, why: "taken for scores of classes along the last axis: one or two axes, made by Gemm"))
        #expect(try Self.meter(a, b, nodes: [Node("Tanh", inputs: ["a"], outputs: ["y"])]).top1 == nil)
        let labels = try Self.meter(.ints(nil, [3], [1, 2, 3]), .ints(nil, [3], [1, 2, 4]))
        #expect(labels.top1?.equal == 2 && labels.top1?.rows == 3 && labels.isLabel)
    }

    private static func classes(_ dims: [Int], opset: Int64, _ nodes: Node...) -> Int? {
        let model = Model.small {
            $0.graph.nodes = nodes
            $0.opsetImports = [OpsetImport(version: opset)]
        }
        return ClassScores("y", of: model)?.classes(dims)
    }

    @Test func knowsAnAxisOfClasses() {
        let softmax = Node("Softmax", inputs: ["x"], outputs: ["y"]), first = Node("Softmax", inputs: ["x"], outputs: ["y"], attributes: [Attribute("axis", .int(1))])
        #expect(Self.classes([5, 7, 10], opset: 13, softmax) == 10)
        #expect(Self.classes([5, 10, 1, 1], opset: 13, first) == 10)
        #expect(Self.classes([5, 10, 2, 2], opset: 13, first) == nil)
        // Up to opset 12, all axes from 1 on are one.
        #expect(Self.classes([5, 10], opset: 12, softmax) == 10)
        #expect(Self.classes([5, 1, 10], opset: 12, softmax) == 10)
        #expect(Self.classes([5, 2, 10], opset: 12, softmax) == nil)
        #expect(Self.classes([5, 10], opset: 13, Node("Conv", inputs: ["x", "w"], outputs: ["c"]), Node("Flatten", inputs: ["c"], outputs: ["y"])) == 10)
        #expect(Self.classes([1, 8, 4, 4], opset: 13, Node("Conv", inputs: ["x", "w"], outputs: ["y"])) == nil)
        #expect(Self.classes([5, 1], opset: 13, softmax) == nil && Self.classes([], opset: 13, softmax) == nil)
        #expect(Self.classes([5, 10], opset: 13, Node("Tanh", inputs: ["x"], outputs: ["y"])) == nil)
    }

    // MARK: layers

    private static func chain(_ ops: [Name], _ names: [Name]) -> Graph {
        Graph(nodes: ops.indices.map { Node(ops[$0], inputs: [$0 == 0 ? "x" : names[$0 - 1]], outputs: [names[$0]]) })
    }

    @Test func pairsValuesByNameAndBetweenThemByPlace() {
        let a = Self.chain(["Relu", "Abs", "Neg", "Exp", "Log"], ["a", "b", "c", "d", "e"])
        let b = Self.chain(["Relu", "Identity", "Abs", "Exp", "Sqrt", "Log"], ["p", "q", "r", "d", "s", "t"])
        let pairs = LayerPairs(a, b)
        let found = pairs.pairs.map { "\($0.reference)\($0.candidate)\($0.isByName ? "=" : "~")" }.sorted()
        #expect(found == ["ap~", "br~", "dd=", "et~"])
        #expect(pairs.unmatched == 1)
        // What the candidate alone has in between changes the next node.
        #expect(pairs.pairs.filter(\.isChanged).map(\.reference).sorted() == ["b", "e"])
        // All names the same: nothing is left to align.
        #expect(LayerPairs(a, a).pairs.allSatisfy { $0.isByName && !$0.isChanged })
    }
}
