import Foundation
import ModelGraph
import OnnxFile
import TestSupport
import Tensors
import Testing
@testable import ThimbleFile

/// Files with a few bytes changed, checksums repaired: each ends in a model or an error, never in a trap. The file that does not
/// stays behind in the folder for temporary files.
struct MutationTests {
    private static let rounds = ProcessInfo.processInfo.environment["THIMBLE_MUTATIONS"].flatMap { Int($0) } ?? 600

    private static func sources(_ count: Int, in work: TestSupport.TemporaryFolder) throws -> [Model] {
        let seed = SeededRandom.seedOfThisRun >> 1
        let made = try Command.oracle("random_models.py", "make", work.path, String(seed), String(count)).run()
        try #require(made.exitCode == 0, "seed \(seed): \(made)")
        return try (0..<count).map { try OnnxFile.read(work("\($0).onnx")).model }
    }

    /// Overwrites, removes or doubles something somewhere in `range`.
    private static func mutate(_ bytes: inout [UInt8], _ range: Range<Int>, mayResize: Bool, _ random: inout SeededRandom) {
        let at = Int.random(in: range, using: &random)
        switch Int.random(in: 0..<(mayResize ? 7 : 4), using: &random) {
        case 0: bytes[at] = random.bytes(1)[0]
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes[at] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random)!
        case 3:
            let nasty = [0, 1, -1, Int(Int32.max), Int(UInt32.max), Int.max, Int.min, 1 << 48, 65536].randomElement(using: &random)!
            let aligned = at & ~3
            for (index, byte) in littleEndianBytes(nasty).prefix([4, 8].randomElement(using: &random)!).enumerated() where aligned + index < range.upperBound {
                bytes[aligned + index] = byte
            }
        case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...9, using: &random)))
        case 5: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + Int.random(in: 1...40, using: &random))], at: at)
        default: bytes.insert(contentsOf: random.bytes(Int.random(in: 1...5, using: &random)), at: at)
        }
    }

    /// All that can be done with a model.
    private static func use(_ model: Model, in work: TestSupport.TemporaryFolder) throws {
        _ = model.check()
        _ = try model.text()
        _ = try? ThimbleFile.write(model, to: work("again.thimble"), options: .init(zlib: true, threads: 1, replacing: true))
        _ = try? OnnxFile.write(model, to: work("again.onnx"), options: .init(replacing: true))
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func onnxFilesEndInAModelOrAnError() throws {
        let work = try TestSupport.TemporaryFolder()
        _ = try Self.sources(12, in: work)
        let files = try (0..<12).map { try bytes(of: work("\($0).onnx")) }.filter { $0.count < 60_000 }
        var random = SeededRandom(), models = 0
        for _ in 0..<Self.rounds {
            var content = files.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) { Self.mutate(&content, 0..<content.count, mayResize: true, &random) }
            try write(content, to: work("mutated.onnx"))
            do {
                let model = try OnnxFile.read(work("mutated.onnx")).model
                models += 1
                try Self.use(model, in: work)
            } catch let error as ModelError {
                #expect(error.code != .internalFault, "seed \(random.seed): \(error)")
            }
        }
        #expect(models > Self.rounds / 50, "seed \(random.seed)")
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"), arguments: [false, true])
    func thimbleFilesEndInAModelOrAnError(zlib: Bool) throws {
        let work = try TestSupport.TemporaryFolder()
        let files = try Self.sources(12, in: work).map { model in
            _ = try ThimbleFile.write(model, to: work("source.thimble"), options: .init(zlib: zlib, plainMetadata: true, replacing: true))
            return try bytes(of: work("source.thimble"))
        }
        var random = SeededRandom(), models = 0
        for _ in 0..<Self.rounds {
            var content = files.randomElement(using: &random)!
            let header = try Self.header(content)
            for _ in 0..<Int.random(in: 1...2, using: &random) { Self.mutate(&content, header.metadata, mayResize: false, &random) }
            var repaired = header
            repaired.metadataCRC32 = content[header.metadata].withUnsafeBytes { MetadataBlock.crc32($0) }
            content.replaceSubrange(0..<64, with: repaired.bytes)
            try write(content, to: work("mutated.thimble"))
            do {
                _ = try ThimbleFile.verify(work("mutated.thimble"), options: .init(maxDecoded: 1 << 24))
                _ = try? ThimbleFile.list(work("mutated.thimble"))
                let model = try ThimbleFile.read(work("mutated.thimble"), options: .init(maxDecoded: 1 << 24)).model
                models += 1
                try Self.use(model, in: work)
            } catch let error as ModelError {
                #expect(error.code != .internalFault, "seed \(random.seed): \(error)")
            }
        }
        #expect(models > Self.rounds / 50, "seed \(random.seed)")
    }

    private static func header(_ content: [UInt8]) throws -> Header {
        func long(_ at: Int, _ count: Int) -> Int { content[at..<at + count].reversed().reduce(0) { $0 << 8 | Int($1) } }
        return Header(
            fileSize: content.count, metadataOffset: long(32, 8), metadataStored: long(40, 4), metadataRaw: long(44, 4), metadataCRC32: 0, isCompressed: false)
    }
}
