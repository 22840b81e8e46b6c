import Foundation
import ModelGraph
import Tensors
import TestSupport
import Testing
import ThimbleFile

@Suite struct RoundTripTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test func randomModelsComeBackEqual() throws {
        let first = SeededRandom.seedOfThisRun
        for index in 0..<300 {
            let seed = first &+ UInt64(index)
            var random = RandomModel(seed: seed)
            let model = random.model()
            let path = folder("\(index).thimble")
            let options = ThimbleFile.WriteOptions(plainMetadata: index % 2 == 0, replacing: true)
            let written = try ThimbleFile.write(model, to: path, options: options)
            let read = try ThimbleFile.read(path)
            #expect(read.model == model, "seed \(seed)")
            #expect(try contents(path).count == written.byteCount, "seed \(seed)")
            #expect(try ThimbleFile.verify(path).isEmpty, "seed \(seed)")
            // What was read is written the same: ids, order and sharing hang on the content alone.
            let again = folder("again.thimble")
            _ = try ThimbleFile.write(read.model, to: again, options: options)
            #expect(try contents(again) == contents(path), "seed \(seed)")
            try FileManager.default.removeItem(atPath: path)
        }
    }

    @Test func threadsDoNotShowInTheBytes() throws {
        var random = RandomModel(seed: 7)
        let model = random.model()
        for zlib in [false, true] {
            let one = folder("one\(zlib)"), three = folder("three\(zlib)")
            _ = try ThimbleFile.write(model, to: one, options: ThimbleFile.WriteOptions(zlib: zlib, threads: 1))
            _ = try ThimbleFile.write(model, to: three, options: ThimbleFile.WriteOptions(zlib: zlib, threads: 3))
            #expect(try contents(one) == contents(three))
        }
    }

    @Test func keepsTheSourceAndTheNotes() throws {
        let source = ThimbleFile.Source(fileName: "/secret/folder/m\u{e9}.onnx", byteCount: 123, crc32: 0xffff_fffe, isByteExact: true, isLossy: false)
        let extra = [KeyValue(key: "report", value: "…"), KeyValue(key: nil, value: "", unknownFields: [8, 1])]
        let path = folder("x.thimble")
        _ = try ThimbleFile.write(Model(graph: Graph()), to: path, options: ThimbleFile.WriteOptions(source: source, extra: extra))
        let read = try ThimbleFile.read(path)
        var expected = source
        expected.fileName = "m\u{e9}.onnx"
        #expect(read.entries[0].source == expected)
        #expect(read.extra == extra)
        #expect(read.writer?.text == "thimble \(ThimbleVersion.text)")
        #expect(try !contents(path).contains(sequence: Array("secret".utf8)))
    }

    @Test func namesAreKnownByTheirBytes() throws {
        let composed: Name = "\u{e9}", decomposed: Name = "e\u{301}"
        let graph = Graph(nodes: [Node("Add", inputs: [composed, decomposed, composed, ""], outputs: ["\u{0}"])])
        let path = folder("x.thimble")
        _ = try ThimbleFile.write(Model(graph: graph), to: path)
        #expect(try ThimbleFile.read(path).model.graph == graph)
        #expect(try ThimbleFile.verify(path).isEmpty)
    }

    @Test func graphsNestSixtyFourDeepAndNoDeeper() throws {
        func nested(_ depth: Int) -> Graph {
            depth == 1 ? Graph(name: "in") : Graph(nodes: [Node("If", attributes: [Attribute("then_branch", .graph(nested(depth - 1)))])])
        }
        let path = folder("deep.thimble")
        _ = try ThimbleFile.write(Model(graph: nested(64)), to: path)
        #expect(try ThimbleFile.read(path).model.graph == nested(64))
        let error = #expect(throws: ModelError.self) {
            try ThimbleFile.write(Model(graph: nested(65)), to: folder("deeper.thimble"))
        }
        #expect(error?.code == .limit)
        #expect(error?.message.contains("64") == true)
    }

    @Test func equalLeavesAreStoredOnce() throws {
        let attribute = Attribute("pads", .ints([1, 1, 1, 1]), docString: "a text that is long enough to be seen in a sum of bytes")
        func size(_ nodes: Int) throws -> Int {
            let graph = Graph(nodes: (0..<nodes).map { _ in Node("Pad", attributes: [attribute]) })
            let path = folder("\(nodes).thimble")
            return try ThimbleFile.write(Model(graph: graph), to: path, options: ThimbleFile.WriteOptions(plainMetadata: true)).byteCount
        }
        // A node more: its table (soffset, op, attributes), its place in the list, and its list of one attribute.
        #expect(try size(1001) - size(1) == 1000 * (12 + 4 + 8))
    }
}

extension [UInt8] {
    func contains(sequence other: [UInt8]) -> Bool {
        count >= other.count && (0...(count - other.count)).contains { self[$0..<$0 + other.count].elementsEqual(other) }
    }
}
