import Foundation
import ModelGraph
@testable import OnnxFile
import Tensors
import TestSupport
import Testing

/// Nesting that a file decides, on the small stacks that threads of a library's users may have.
@Suite struct DepthTests {
    /// Unoptimised code has frames several times as large.
    #if DEBUG
    private static let stackSize = 2 << 20
    #else
    private static let stackSize = 512 << 10
    #endif

    /// The result of `body` on a thread with a small stack.
    private func onSmallStack<R: Sendable>(_ body: @escaping @Sendable () throws -> R) throws -> R {
        let result = Box<Result<R, any Error>>()
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            result.value = Result { try body() }
            done.signal()
        }
        thread.stackSize = Self.stackSize
        thread.start()
        done.wait()
        return try result.value!.get()
    }

    /// `depth` graphs, each but the last with a node that holds the next.
    static func graphs(_ depth: Int) -> [UInt8] {
        var graph: [UInt8] = Wire.text(2, "innermost")
        for _ in 1..<depth {
            graph = Wire.bytes(1, Wire.text(2, "y") + Wire.text(4, "If") + Wire.bytes(5, Wire.text(1, "b") + Wire.bytes(6, graph) + Wire.number(20, 5)))
        }
        return Wire.model(graph: graph)
    }

    static func types(_ depth: Int) -> [UInt8] {
        var type: [UInt8] = []
        for _ in 1..<depth { type = Wire.bytes(4, Wire.bytes(1, type)) }
        return Wire.model(graph: Wire.bytes(11, Wire.text(1, "x") + Wire.bytes(2, type)))
    }

    @Test func readsAndWritesTheDeepestModelOnASmallStack() throws {
        for bytes in [Self.graphs(64), Self.types(32)] {
            let same = try onSmallStack {
                let folder = try TemporaryFolder()
                let contents = try OnnxFile.read(folder.write(bytes))
                _ = try OnnxFile.write(contents.model, to: folder.path + "/out")
                let again = try OnnxFile.read(folder.path + "/out")
                return try again.model == contents.model && OnnxFile.serialization(of: contents.model, equals: contents.file)
            }
            #expect(same)
        }
    }

    @Test func refusesDeeperModelsOnASmallStack() throws {
        let messages = try onSmallStack {
            try [Self.graphs(65), Self.graphs(5000), Self.types(33), Self.types(5000)].map { try failure($0) }
        }
        #expect(messages[0].hasSuffix("graphs nested more than 64 deep"))
        #expect(messages[1].hasSuffix("graphs nested more than 64 deep"))
        #expect(messages[1].utf8.count < 500)
        #expect(messages[2].hasSuffix("types nested more than 32 deep"))
        #expect(messages[3].hasSuffix("types nested more than 32 deep"))
    }

    @Test func refusesToWriteWhatItWouldNotRead() throws {
        var graph = Graph()
        for _ in 0..<64 { graph = Graph(nodes: [Node("If", attributes: [Attribute("b", .graph(graph))])]) }
        #expect(throws: ModelError.self) { try written(Model(graph: graph)) }
        var type = ValueType(.none)
        for _ in 0..<32 { type = ValueType(.optional(type)) }
        #expect(throws: ModelError.self) { try written(Model(graph: Graph(inputs: [ValueInfo(name: "x", type: type)]))) }
    }

    /// Time grows with the size, not with its square.
    @Test(.timeLimit(.minutes(1))) func mergesManyPiecesInLinearTime() throws {
        let node = Wire.text(4, "Op") + Wire.text(2, "y")
        let pieces = (0..<100_000).flatMap { _ in Wire.bytes(7, Wire.bytes(1, node)) }
        let contents = try read(Wire.number(1, 8) + pieces)
        #expect(contents.model.graph.nodes.count == 100_000)
    }

    @Test(.timeLimit(.minutes(1))) func refusesMillionsOfEmptyMessagesAtTheFirst() throws {
        let empty = [UInt8](repeating: 0, count: 1_000_000).enumerated().map { $0.offset % 2 == 0 ? UInt8(0x0a) : 0 }
        #expect(try failure(Wire.model(graph: empty)) == "node 0: has no op_type")
    }
}

private final class Box<Value>: @unchecked Sendable {
    var value: Value?
}
