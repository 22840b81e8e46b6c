import ModelGraph
import Tensors
import TestSupport
import Testing
@testable import Execution

/// Weights that lie in a file, at odd addresses, are read and packed in pieces: with the same results as weights in memory, which are packed at once.
@Suite struct PackPiecesTests {
    /// Weights of several pieces, the last of them no whole one, and such as go as a whole.
    private static let weights: [(name: Name, dims: [Int])] = [
        ("rows", [700, 301]), ("columns", [301, 700]), ("square", [96, 80, 3, 3]), ("long", [97, 80, 1, 17]), ("deep", [80, 1, 3, 3]),
    ]

    private func network(_ type: ElementType, _ weight: (Name, [Int]) throws -> TensorBytes) rethrows -> Model {
        let nodes = [
            Node("MatMul", inputs: ["a", "rows"], outputs: ["y0"]),
            Node("Gemm", inputs: ["a", "columns"], outputs: ["y1"], attributes: [Attribute("transB", .int(1))]),
            Node("Conv", inputs: ["x", "square"], outputs: ["y2"]),
            Node("Conv", inputs: ["x", "long"], outputs: ["y3"]),
            Node("Conv", inputs: ["x", "deep"], outputs: ["y4"], attributes: [Attribute("group", .int(80))]),
        ]
        let initializers = try Self.weights.map { Tensor(name: $0.name, type, dims: $0.dims, bytes: try weight($0.name, $0.dims)) }
        let inputs = [info("a", .tensor(type)), info("x", .tensor(type))], outputs: [Name] = ["y0", "y1", "y2", "y3", "y4"]
        return model(Graph(nodes: nodes, inputs: inputs, outputs: outputs.map { info($0, .tensor(type)) }, initializers: initializers))
    }

    @Test(arguments: [ElementType.float, .float16], [1, 2]) func areTheSameFromAFile(type: ElementType, threads: Int) throws {
        var random = SeededRandom(seed: 11)
        // Halves between 2^-14 and 2, floats of about that size.
        func bytes(_ count: Int) -> [UInt8] {
            (0..<count).flatMap { _ in
                type == .float16 ? [UInt8.random(in: 0...255, using: &random), UInt8.random(in: 4...63, using: &random)]
                    : (0..<3).map { _ in UInt8.random(in: 0...255, using: &random) } + [UInt8.random(in: 60...63, using: &random)]
            }
        }
        let all = Self.weights.map { bytes($0.dims.reduce(1, *)) }, folder = try TemporaryFolder()
        let file = try MappedFile(folder.write([7] + all.joined(), "weights"))
        let places = all.indices.map { 1 + all[..<$0].reduce(0) { $0 + $1.count } }
        func index(_ name: Name) -> Int { Self.weights.firstIndex { $0.name == name }! }
        var options = Session.Options(threads: threads)
        options.execution = .programs
        let inMemory = try Session(network(type) { name, _ in TensorBytes(all[index(name)]) }, options: options)
        let inFile = try Session(
            network(type) { name, _ in try TensorBytes(file, places[index(name)]..<places[index(name)] + all[index(name)].count) }, options: options)
        let a = Value.tensor(Tensor(type, dims: [3, 700], bytes: TensorBytes(bytes(3 * 700))))
        let x = Value.tensor(Tensor(type, dims: [1, 80, 9, 20], bytes: TensorBytes(bytes(80 * 9 * 20))))
        #expect(try inFile.run(["a": a, "x": x]) == inMemory.run(["a": a, "x": x]))
    }
}
