@testable import Execution
import Foundation
import ModelGraph
import OnnxFile
import Tensors
import TestSupport
import Testing

/// Weights that stay codes beside the same weights as numbers.
@Suite struct CodedWeightsTests {
    private static let widths: [TestEncoding.Form] = (2...8).flatMap { [.affine(bits: $0, isSigned: $0 % 2 == 0), .affine(bits: $0, isSigned: $0 % 2 == 1)] }
        + [.affine(bits: 11, isSigned: false), .affine(bits: 16, isSigned: false), .affine(bits: 16, isSigned: true)] + [1, 4, 6, 8].map { .palette(bits: $0) }
    private static let encodings = widths.flatMap { form in TestEncoding.Cells.allCases.map { TestEncoding(form: form, cells: $0) } }
        + [ElementType.float16, .bfloat16].map { TestEncoding(form: .affine(bits: 8, isSigned: true), cells: .firstAxis, scaleType: $0) }

    private func session(_ model: Model, threads: Int = 1) throws -> Session {
        var options = Session.Options(threads: threads)
        options.execution = .programs
        return try Session(model, options: options)
    }

    /// The largest difference, in parts of the largest number.
    private func difference(_ a: [Value], _ b: [Value]) throws -> Float {
        var worst: Float = 0
        try #require(a.count == b.count)
        for (x, y) in zip(a, b) {
            try #require(x.tensor?.dims == y.tensor?.dims)
            let (left, right) = (try x.floats, try y.floats), largest = right.reduce(0) { max($0, abs($1)) } + 1e-9
            for (i, j) in zip(left, right) { worst = max(worst, (i - j).isNaN ? .infinity : abs(i - j) / largest) }
        }
        return worst
    }

    private func random(_ dims: [Int], _ random: inout SeededRandom, _ scale: Float = 1) -> [Float] {
        (0..<dims.reduce(1, *)).map { _ in Float.random(in: -scale...scale, using: &random) }
    }

    private func input(_ name: Name, _ dims: [Int], _ generator: inout SeededRandom) -> [Name: Value] { [name: floats(random(dims, &generator), dims: dims)] }

    // MARK: whole models

    @Test(arguments: encodings) func digitsAreThoseOfTheNumbers(encoding: TestEncoding) throws {
        var generator = SeededRandom(seed: 1)
        for file in ["digits-cnn.onnx", "digits-mlp.onnx"] {
            let model = try OnnxFile.read(Places.testModels + "/" + file).model
            let (codes, numbers) = try model.encoded(encoding)
            let name = try #require(model.graph.inputs.first?.name), sessions = (try session(codes), try session(numbers))
            for batch in [1, 3, 9] {
                let x = input(name, [batch, 1, 8, 8], &generator)
                #expect(try difference(sessions.0.run(x), sessions.1.run(x)) < 2e-6, "\(file), \(encoding), batch \(batch)")
            }
        }
    }

    // MARK: single operators

    /// A product, a Gemm with a transposed matrix, and a table.
    private func products(_ generator: inout SeededRandom) -> Model {
        let weights = [("a", [96, 80]), ("b", [72, 80]), ("t", [40, 96])].map { name, dims in tensor(random(dims, &generator), dims: dims, name: Name(name)) }
        let nodes = [
            Node("Gather", inputs: ["t", "i"], outputs: ["e"]), Node("MatMul", inputs: ["e", "a"], outputs: ["p"]), Node("Add", inputs: ["p", "d"], outputs: ["s"]),
            Node("Relu", inputs: ["s"], outputs: ["r"]), Node("Gemm", inputs: ["r", "b", "c"], outputs: ["y"], attributes: [Attribute("transB", .int(1)), Attribute("alpha", .float(0.5))]),
        ]
        let others = [tensor(random([72], &generator), name: "c"), tensor(random([80], &generator), name: "d")]
        return model(Graph(nodes: nodes, inputs: [ValueInfo(name: "i", type: .tensor(.int64, nil))], outputs: [info("y"), info("e")], initializers: weights + others))
    }

    @Test(arguments: encodings) func productsAndRowsAreThoseOfTheNumbers(encoding: TestEncoding) throws {
        var generator = SeededRandom(seed: 2)
        let (codes, numbers) = try products(&generator).encoded(encoding)
        for threads in [1, 2] {
            let sessions = (try session(codes, threads: threads), try session(numbers, threads: threads))
            for count in [1, 2, 5, 8, 150] {
                let x: [Name: Value] = ["i": .tensor(ints((0..<count).map { Int64($0 * 7 % 80 - 40) }))]
                #expect(try difference(sessions.0.run(x), sessions.1.run(x)) < 2e-6, "\(encoding), \(count) rows")
            }
        }
        #expect(throws: ModelError.self) { try session(codes).run(["i": .tensor(ints([40]))]) }
    }

    /// Convolutions of one point, with strides, and of three, with what is folded into them.
    private func convolutions(_ generator: inout SeededRandom) -> Model {
        let c = 192
        let weights = [("w1", [c, c, 1, 1]), ("w2", [c, c, 3, 3]), ("w3", [c, c, 2, 2])].map { name, dims in tensor(random(dims, &generator, 0.1), dims: dims, name: Name(name)) }
        let vectors = ["scale", "shift", "mean"].map { tensor(random([c], &generator), name: Name($0)) } + [tensor(random([c], &generator).map { 1 + abs($0) }, name: "variance")]
        let nodes = [
            Node("Conv", inputs: ["x", "w1"], outputs: ["a"]), Node("BatchNormalization", inputs: ["a", "scale", "shift", "mean", "variance"], outputs: ["n"]),
            Node("Add", inputs: ["n", "x"], outputs: ["s"]), Node("Relu", inputs: ["s"], outputs: ["r"]),
            Node("Conv", inputs: ["r", "w2", "shift"], outputs: ["b"], attributes: [Attribute("pads", .ints([1, 1, 1, 1]))]), Node("Sigmoid", inputs: ["b"], outputs: ["g"]),
            Node("Conv", inputs: ["g", "w3"], outputs: ["y"], attributes: [Attribute("strides", .ints([2, 2]))]),
        ]
        return model(Graph(nodes: nodes, inputs: [ValueInfo(name: "x", type: .tensor(.float, nil))], outputs: [info("y"), info("b")], initializers: weights + vectors))
    }

    private static let ofConvolutions = [
        TestEncoding(form: .affine(bits: 8, isSigned: true), cells: .firstAxis), TestEncoding(form: .affine(bits: 4, isSigned: false), cells: .firstAxis),
        TestEncoding(form: .affine(bits: 5, isSigned: true), cells: .tensor), TestEncoding(form: .affine(bits: 8, isSigned: false), cells: .secondAxis),
        TestEncoding(form: .affine(bits: 16, isSigned: false), cells: .firstAxis), TestEncoding(form: .palette(bits: 4), cells: .tensor),
        TestEncoding(form: .palette(bits: 4), cells: .firstAxis),
    ]

    @Test(arguments: ofConvolutions) func convolutionsAreThoseOfTheNumbers(encoding: TestEncoding) throws {
        var generator = SeededRandom(seed: 3)
        let (codes, numbers) = try convolutions(&generator).encoded(encoding, from: 1000)
        for threads in [1, 2] {
            let sessions = (try session(codes, threads: threads), try session(numbers, threads: threads))
            for size in [2, 6, 13] {
                let x = input("x", [2, 192, size, size], &generator)
                // Winograd's sums of the numbers differ in last bits.
                #expect(try difference(sessions.0.run(x), sessions.1.run(x)) < 1e-5, "\(encoding), \(size) pixels")
            }
            // 8 bits for each weight, and what few scales take; the numbers take four times as much, and Winograd's more.
            if case .affine(8, true) = encoding.form {
                #expect(sessions.0.resources.packs.byteCount < 192 * 192 * 14 * 11 / 10 + 8192)
                #expect(sessions.1.resources.packs.byteCount > 4 * 192 * 192 * 14)
            }
        }
    }

    private static let ofSequences = [
        TestEncoding(form: .affine(bits: 8, isSigned: true), cells: .secondAxis), TestEncoding(form: .affine(bits: 8, isSigned: false), cells: .tensor),
        TestEncoding(form: .affine(bits: 4, isSigned: true), cells: .groups), TestEncoding(form: .affine(bits: 3, isSigned: true), cells: .firstAxis),
        TestEncoding(form: .affine(bits: 16, isSigned: false), cells: .secondAxis), TestEncoding(form: .palette(bits: 4), cells: .tensor),
    ]

    @Test(arguments: ofSequences) func recurrentOperatorsAreThoseOfTheNumbers(encoding: TestEncoding) throws {
        var generator = SeededRandom(seed: 4)
        let (size, hidden) = (48, 64)
        for (type, gates) in [("LSTM", 4), ("GRU", 3), ("RNN", 1)] {
            for before in [0, 1] {
                let w = tensor(random([2, gates * hidden, size], &generator, 0.3), dims: [2, gates * hidden, size], name: "w")
                let r = tensor(random([2, gates * hidden, hidden], &generator, 0.3), dims: [2, gates * hidden, hidden], name: "r")
                // Of two axes, but not to be encoded.
                let b = tensor(random([2, 2 * gates * hidden], &generator, 0.3), dims: [2, 2 * gates * hidden], name: "b")
                var attributes = [Attribute("hidden_size", .int(Int64(hidden))), Attribute("direction", .string(Array("bidirectional".utf8)))]
                if type == "GRU" { attributes.append(Attribute("linear_before_reset", .int(Int64(before)))) } else if before == 1 { continue }
                let node = Node(Name(type), inputs: ["x", "w", "r", "b"], outputs: ["y"], attributes: attributes)
                let whole = model(Graph(nodes: [node], inputs: [ValueInfo(name: "x", type: .tensor(.float, nil))], outputs: [info("y")], initializers: [w, r, b]))
                let (codes, numbers) = try whole.encoded(encoding, from: 2 * hidden * size)
                let sessions = (try session(codes), try session(numbers))
                for (steps, batch) in [(1, 1), (7, 1), (5, 3), (3, 18)] {
                    let x = input("x", [steps, batch, size], &generator)
                    #expect(try difference(sessions.0.run(x), sessions.1.run(x)) < 5e-6, "\(type), \(encoding), \(steps) steps of \(batch)")
                }
                if case .affine(8, _) = encoding.form {
                    #expect(sessions.0.resources.packs.byteCount * 2 < sessions.1.resources.packs.byteCount)
                }
            }
        }
    }

    // MARK: memory

    /// What a session keeps of one matrix and one table.
    private func kept(_ encoding: TestEncoding, rows: Int = 512, columns: Int = 256) throws -> Int {
        var generator = SeededRandom(seed: 5)
        // Few are so far from the others that entropy codes need more than 8 bits.
        let numbers = random([rows, columns], &generator).enumerated().map { $0 % 997 == 0 ? $1 * 40 : $1 }
        let weights = [tensor(numbers, dims: [rows, columns], name: "w"), tensor(random([100, rows], &generator), dims: [100, rows], name: "t")]
        let nodes = [Node("Gather", inputs: ["t", "i"], outputs: ["e"]), Node("MatMul", inputs: ["e", "w"], outputs: ["y"])]
        let plain = model(Graph(nodes: nodes, inputs: [ValueInfo(name: "i", type: .tensor(.int64, nil))], outputs: [info("y")], initializers: weights))
        let (codes, expanded) = try plain.encoded(encoding), sessions = (try session(codes), try session(expanded))
        for count in [1, 20] {
            let x: [Name: Value] = ["i": .tensor(ints((0..<count).map { Int64($0) }))]
            #expect(try difference(sessions.0.run(x), sessions.1.run(x)) < 2e-6, "\(encoding)")
        }
        return sessions.0.resources.packs.byteCount
    }

    @Test func packsTakeWhatCodesTake() throws {
        // The table's codes, which have no place in a file here, are kept as they are.
        let (table, weights) = (100 * 512, 512 * 256)
        let eight = try kept(TestEncoding(form: .affine(bits: 8, isSigned: true), cells: .secondAxis))
        #expect(eight >= weights && eight < table + weights + 2 * 256 * 8 + 4096)
        let four = try kept(TestEncoding(form: .affine(bits: 4, isSigned: true), cells: .secondAxis))
        #expect(four >= weights / 2 && four < table / 2 + weights / 2 + 2 * 256 * 8 + 4096)
        // 11 bits take 8, and some room for what does not fit.
        let wide = try kept(TestEncoding(form: .affine(bits: 11, isSigned: false), cells: .tensor))
        #expect(wide >= weights && wide < table * 11 / 8 + weights * 9 / 8 + 2 * 256 * 8 + 4096)
        let palette = try kept(TestEncoding(form: .palette(bits: 4), cells: .tensor))
        #expect(palette >= weights / 2 && palette < table / 2 + weights / 2 + 8192)
    }
}
