import ModelGraph
import Tensors
import TestSupport
import Testing
@testable import Execution

/// Weights that are made when steps need them, kept or for one step only: with the results of weights that were made before.
@Suite struct PackedWeightsTests {
    /// Products and convolutions of so many weights that they are not made together, some of them twice, and a loop whose body has as many.
    private static func made(bytes: (Int) -> TensorBytes) -> Model {
        func weights(_ name: Name, _ dims: [Int]) -> Tensor { Tensor(name: name, .float, dims: dims, bytes: bytes(dims.reduce(1, *))) }
        let body = Graph(
            nodes: [Node("MatMul", inputs: ["v", "inner"], outputs: ["product"]), Node("Tanh", inputs: ["product"], outputs: ["next"]), identity("go", "goes")],
            inputs: [info("i", .tensor(.int64)), info("go", .tensor(.bool)), info("v", .tensor(.float, [2, 1150]))],
            outputs: [info("goes", .tensor(.bool)), info("next", .tensor(.float, [2, 1150]))], initializers: [weights("inner", [1150, 1150])])
        let nodes = [
            Node("MatMul", inputs: ["a", "wide"], outputs: ["once"]),
            Node("Relu", inputs: ["once"], outputs: ["positive"]),
            Node("MatMul", inputs: ["positive", "wide"], outputs: ["twice"]),
            Node("Loop", inputs: ["trips", "", "twice"], outputs: ["y0"], attributes: [Attribute("body", .graph(body))]),
            Node("Conv", inputs: ["x", "square"], outputs: ["y1"]),
            Node("Conv", inputs: ["x", "deep"], outputs: ["y2"], attributes: [Attribute("group", .int(80))]),
        ]
        var trips = ints([3], dims: [])
        trips.name = "trips"
        return model(Graph(
            nodes: nodes, inputs: [info("a", .tensor(.float, [2, 1150])), info("x", .tensor(.float, [1, 80, 9, 20]))],
            outputs: [info("y0"), info("y1"), info("y2")],
            initializers: [weights("wide", [1150, 1150]), weights("square", [96, 80, 3, 3]), weights("deep", [80, 1, 3, 3]), trips]))
    }

    private static func numbers(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        (0..<count).flatMap { _ in withUnsafeBytes(of: Float.random(in: -0.1...0.1, using: &random)) { Array($0) } }
    }

    private let network: Model
    private let inputs: [Name: Value]
    private let file: MappedFile

    init() throws {
        var random = SeededRandom(seed: 12), all: [UInt8] = [7], places: [Range<Int>] = []
        _ = Self.made { count in
            places.append(all.count..<all.count + 4 * count)
            all += Self.numbers(count, &random)
            return TensorBytes([UInt8](repeating: 0, count: 4 * count))
        }
        // At odd addresses of a file, which is opened and then gone from its folder.
        let folder = try TemporaryFolder()
        let file = try MappedFile(folder.write(all, "weights"))
        withExtendedLifetime(folder) {}
        self.file = file
        var next = 0
        network = Self.made { _ in
            next += 1
            return (try? TensorBytes(file, places[next - 1])) ?? .empty
        }
        inputs = [
            "a": .tensor(Tensor(.float, dims: [2, 1150], bytes: TensorBytes(Self.numbers(2 * 1150, &random)))),
            "x": .tensor(Tensor(.float, dims: [1, 80, 9, 20], bytes: TensorBytes(Self.numbers(80 * 9 * 20, &random)))),
        ]
    }

    private func session(threads: Int, runsOnce: Bool) throws -> Session {
        var options = Session.Options(threads: threads, runsOnce: runsOnce)
        options.execution = .programs
        return try Session(network, options: options)
    }

    @Test(arguments: [1, 2], [false, true]) func giveTheSameResultsInEachRun(threads: Int, runsOnce: Bool) throws {
        let expected = try session(threads: 2, runsOnce: false).run(inputs), session = try session(threads: threads, runsOnce: runsOnce)
        for _ in 0..<3 { #expect(try session.run(inputs) == expected) }
    }

    @Test(arguments: [false, true]) func areMadeForThreadsAtOnce(runsOnce: Bool) throws {
        let expected = try session(threads: 2, runsOnce: false).run(inputs), session = try session(threads: 1, runsOnce: runsOnce)
        try concurrently(12, threads: 4) { _ in
            let outputs = try session.run(inputs)
            #expect(outputs == expected)
        }
    }

    /// Weights of one step after the other lie in the same place; those that two steps read are kept.
    @Test func ofOneRunShareMemory() throws {
        let session = try session(threads: 1, runsOnce: true)
        _ = try session.run(inputs)
        let program = try #require(try session.plan.program(session.plan.inputs.map { inputs[$0.name] }, [], Run(.init(threads: 1, runsOnce: true), session.resources)))
        #expect(program.weights.count == 4 && program.weights.allSatisfy { $0.isMade == $0.isReused })
        #expect(program.weights.count { $0.isReused } == 2)
        let places = program.steps.compactMap(\.passing)
        try #require(places.count == 2)
        #expect(places[0].overlaps(places[1]) && places.allSatisfy { $0.upperBound <= program.arenaByteCount })
    }

    /// Weights of 8 bits do so with several threads too.
    @Test(arguments: [1, 2]) func ofBytesShareMemory(threads: Int) throws {
        var random = SeededRandom(seed: 13)
        func bytes(_ name: Name?, _ type: ElementType, _ dims: [Int]) -> Tensor {
            Tensor(name: name, type, dims: dims, bytes: TensorBytes((0..<dims.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &random) }))
        }
        let network = model(Graph(
            nodes: [Node("MatMulInteger", inputs: ["a", "b"], outputs: ["y0"]), Node("MatMulInteger", inputs: ["a", "c"], outputs: ["y1"])],
            inputs: [info("a", .tensor(.uint8, [3, 1100]))], outputs: [info("y0"), info("y1")],
            initializers: [bytes("b", .int8, [1100, 700]), bytes("c", .int8, [1100, 800])]))
        let inputs: [Name: Value] = ["a": .tensor(bytes(nil, .uint8, [3, 1100]))], options = Session.Options(threads: threads, runsOnce: true)
        let expected = try Session(network, options: .init(threads: threads)).run(inputs), session = try Session(network, options: options)
        for _ in 0..<2 { #expect(try session.run(inputs) == expected) }
        let program = try #require(try session.plan.program(session.plan.inputs.map { inputs[$0.name] }, [], Run(options, session.resources)))
        let places = program.steps.compactMap(\.passing)
        #expect(places.count == 2 && places.allSatisfy { $0.lowerBound == places[0].lowerBound })
        #expect(program.weights.allSatisfy { !$0.isMade })
    }

    @Test func areMadeOnce() throws {
        let session = try session(threads: 1, runsOnce: false)
        let run = Run(.init(threads: 1), session.resources)
        let program = try #require(try session.plan.program(session.plan.inputs.map { inputs[$0.name] }, [], run))
        #expect(program.weights.count == 4 && program.weights.allSatisfy { !$0.isMade })
        _ = try session.run(inputs)
        #expect(program.weights.allSatisfy { $0.isMade })
    }
}
