import ModelGraph
import OnnxFile
import TestSupport
import Tensors
import Testing
import ThimbleFile

/// Files that somebody made to hurt.
struct HostileFileTests {
    private static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(content.count) + content
    }

    private static func varint(_ value: Int) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
    }

    /// A model with an input 'x' whose message goes on with `more`.
    private static func model(input more: [UInt8]) -> [UInt8] {
        [8, 8] + field(7, field(11, field(1, [0x78]) + more))
    }

    /// Protobuf merges what stands twice. Hundreds of thousands of parts took minutes when each was put to a copy of those before.
    @Test(arguments: ["type", "tensor_type", "shape"])
    func mergesManyPartsInTime(of part: String) throws {
        let work = try TemporaryFolder(), count = 300_000
        func parts(_ number: Int) -> [UInt8] { (0..<count).flatMap { _ in [UInt8(number << 3 | 2), 0] as [UInt8] } }
        let more = switch part {
        case "type": parts(2)
        case "tensor_type": Self.field(2, parts(1))
        default: Self.field(2, Self.field(1, parts(2)))
        }
        try write(Self.model(input: more), to: work("m.onnx"))
        var model: Model?
        let time = try ContinuousClock().measure { model = try OnnxFile.read(work("m.onnx")).model }
        #expect(time < .seconds(20))
        #expect(model?.graph.inputs.count == 1)
    }

    /// The closure is the last chance to see that a source changed while it was copied.
    @Test func nothingIsLeftWhereTheLastLookRefuses() throws {
        let work = try TemporaryFolder(), refusal = ModelError(.io, "changed")
        let weights = Model.small(initializers: [.floats("big", [1024], Array(repeating: 2, count: 1024))])
        #expect(throws: refusal) {
            try ThimbleFile.write(weights, to: work("a.thimble"), options: .init(beforeCommit: { throw refusal }))
        }
        #expect(throws: refusal) { try OnnxFile.write(weights, to: work("a.onnx"), options: .init(beforeCommit: { throw refusal })) }
        #expect(throws: refusal) {
            try OnnxFile.write(weights, to: work("a.onnx"), options: .init(externalData: .always, beforeCommit: { throw refusal }))
        }
        #expect(work.contents == [])
    }

    /// A .thimble can say so of any tensor; the ONNX file made of it would send its readers to a file of the attacker's choice.
    @Test func valuesThatAreHereAreNotSaidToBeElsewhere() throws {
        let work = try TemporaryFolder()
        let entries = [KeyValue(key: "location", value: "../../secret")]
        for (field, location, isFine) in [(.raw, 1, false), (.none, 1, false), (.external, 1, true), (.raw, 0, true)] as [(TensorOrigin.Field, Int32, Bool)] {
            var tensor = Tensor.floats("w", [1], [1])
            tensor.origin = TensorOrigin(field: field, dataLocation: location, externalData: entries)
            let model = Model.small(initializers: [tensor])
            if isFine {
                _ = try OnnxFile.write(model, to: work("m.onnx"), options: .init(replacing: true))
                #expect(try OnnxFile.read(work("m.onnx")).dataFiles.isEmpty)
            } else {
                #expect(throws: ModelError.self) { try OnnxFile.write(model, to: work("m.onnx"), options: .init(replacing: true)) }
            }
        }
    }

    /// A .thimble of a megabyte with a thousand tensors that share it becomes a megabyte of external data.
    @Test func sharedValuesAreStoredOnceBesideTheModel() throws {
        let work = try TemporaryFolder(), count = 1 << 16
        let tensors = (0..<50).map { Tensor(name: Name("w\($0)"), .uint8, dims: [count], bytes: TensorBytes([UInt8](repeating: 7, count: count))) }
        _ = try ThimbleFile.write(Model.small(initializers: tensors), to: work("m.thimble"))
        let model = try ThimbleFile.read(work("m.thimble")).model
        let written = try OnnxFile.write(model, to: work("m.onnx"), options: .init(externalData: .always))
        #expect(written.dataFile?.byteCount == count)
        let back = try OnnxFile.read(work("m.onnx")).model
        #expect(back.graph.initializers.map(\.encoding) == model.graph.initializers.map(\.encoding))
    }

    /// Messages of a few bytes become values of hundreds.
    @Test(arguments: ["nodes", "names", "metadata", "dims"])
    func refusesWhatWouldFillTheMemory(with kind: String) throws {
        let work = try TemporaryFolder(), count = 12_000_000
        func many(_ bytes: [UInt8]) -> [UInt8] {
            var all: [UInt8] = []
            all.reserveCapacity(count * bytes.count)
            for _ in 0..<count { all += bytes }
            return all
        }
        let content = switch kind {
        case "nodes": [8, 8] + Self.field(7, many([10, 3, 34, 1, 65]))
        case "names": [8, 8] + Self.field(7, Self.field(1, [34, 1, 65] + many([10, 0])))
        case "metadata": [8, 8, 58, 0] + many([0x72, 0])
        default: Self.model(input: Self.field(2, Self.field(1, Self.field(2, many([10, 0])))))
        }
        try write(content, to: work("m.onnx"))
        let error = #expect(throws: ModelError.self) { try OnnxFile.read(work("m.onnx")) }
        #expect(error?.code == .limit)
    }

    /// What was left out is the same value whichever kind of file it was left out of.
    @Test(arguments: Array(0...14 as ClosedRange<UInt8>))
    func valuesThatAreLeftOutAreEqualInBothKindsOfFile(type: UInt8) throws {
        let work = try TemporaryFolder()
        let attribute = Self.field(1, [0x61]) + [0xa0, 1, type] + Self.field(21, [0x72])
        let node = Self.field(4, [0x4f]) + Self.field(5, attribute)
        try write([8, 8] + Self.field(7, Self.field(1, node)), to: work("m.onnx"))
        let source = try OnnxFile.read(work("m.onnx")).model
        _ = try ThimbleFile.write(source, to: work("m.thimble"))
        #expect(try ThimbleFile.read(work("m.thimble")).model == source)
        _ = try OnnxFile.write(source, to: work("back.onnx"))
        #expect(try bytes(of: work("back.onnx")) == bytes(of: work("m.onnx")))
    }

    /// A file that somebody writes to all the time gives a model or an error.
    @Test func survivesAFileThatKeepsChanging() async throws {
        let work = try TemporaryFolder(), path = work("m.onnx")
        let type = Self.field(2, Self.field(1, [8, 1] + Self.field(2, Self.field(1, [8, 3]))) + Self.field(6, Array("IMAGE".utf8)))
        let attribute = Self.field(1, [0x61]) + Self.field(5, Self.field(1, [3]) + [0x10, 1] + Self.field(9, [UInt8](repeating: 9, count: 12))) + [0xa0, 1, 4]
        let node = Self.field(1, [0x78]) + Self.field(2, [0x79]) + Self.field(4, [0x4f]) + Self.field(5, attribute)
        let content = [8, 8] + Self.field(7, (0..<50).flatMap { _ in Self.field(1, node) + Self.field(11, Self.field(1, [0x78]) + type) })
        try write(content, to: path)
        let seed = SeededRandom.seedOfThisRun
        let end = ContinuousClock.now + .seconds(1)
        let writer = Task.detached { @Sendable in try Self.disturb(path, content, SeededRandom(seed: seed), until: end) }
        while ContinuousClock.now < end {
            guard let source = try? OnnxFile.read(path) else { continue }
            _ = try? ThimbleFile.write(source.model, to: work("m.thimble"), options: .init(replacing: true))
            _ = try? OnnxFile.write(source.model, to: work("back.onnx"), options: .init(replacing: true))
        }
        try await writer.value
        #expect(work.leftovers == [], "seed \(seed)")
    }
}

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension HostileFileTests {
    /// Overwrites one byte in place and puts it back, again and again.
    private static func disturb(_ path: String, _ content: [UInt8], _ random: SeededRandom, until end: ContinuousClock.Instant) throws {
        var random = random
        let file = open(path, O_WRONLY)
        defer { close(file) }
        while ContinuousClock.now < end {
            let at = Int.random(in: 0..<content.count, using: &random)
            for byte in [random.bytes(1)[0], content[at]] {
                guard pwrite(file, [byte], 1, off_t(at)) == 1 else { throw Failure("\(path) cannot be written") }
            }
        }
    }
}
