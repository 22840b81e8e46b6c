import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite struct CompressedSegmentTests {
    /// A file of compressed chunks, and the segment over it.
    static func segment(_ raw: [UInt8], log2: Int = 12, limit: Int = 1 << 30, damage: (inout [UInt8]) -> Void = { _ in }) throws -> CompressedSegment {
        let filter = Filter(.byteShuffle, width: 4)!, layout = ChunkLayout(rawSize: raw.count, log2: log2, width: 4)
        let encoder = try ChunkEncoder(chunkLength: 1 << log2)
        var file = [UInt8](repeating: 0, count: 64), chunks: [CompressedSegment.Chunk] = []
        for index in 0..<layout.count {
            let part = Array(raw[layout.range(index)])
            let stream = unsafe part.withUnsafeBytes { unsafe encoder.encode($0, filter: filter, effort: .exhaustive).map { unsafe Array($0) } }
            let stored = stream ?? part
            chunks.append(.init(stored: file.count..<file.count + stored.count, isVerbatim: stream == nil, crc32: Checksum.crc32(stored)))
            file += stored
        }
        damage(&file)
        let path = NSTemporaryDirectory() + "segment-\(UUID().uuidString)"
        try Data(file).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return CompressedSegment(try MappedFile(path), filter: filter, layout: layout, chunks: chunks, cache: ChunkCache(limit: limit), place: "segment 0")
    }

    @Test func readsAnyRange() throws {
        var random = SeededRandom()
        let raw = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7) } + random.bytes(9_003)
        let bytes = TensorBytes(try Self.segment(raw), 0..<raw.count)
        #expect(try bytes.array() == raw)
        for _ in 0..<200 {
            let start = Int.random(in: 0...raw.count, using: &random), end = Int.random(in: start...raw.count, using: &random)
            #expect(try bytes.slice(start..<end).array() == Array(raw[start..<end]), "\(start)..<\(end), seed \(random.seed)")
        }
    }

    @Test func readsFromSeveralThreads() throws {
        let raw = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 9) }
        let bytes = TensorBytes(try Self.segment(raw), 0..<raw.count)
        try concurrently(400, threads: 4) { index in
            let start = index * 499
            guard try bytes.slice(start..<start + 300).array() == Array(raw[start..<start + 300]) else {
                throw ModelError(.internalFault, "range \(start) differs")
            }
        }
    }

    @Test func namesTheDamagedChunk() throws {
        let raw = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        var position = 0
        let segment = try Self.segment(raw) { file in
            position = file.count - 1
            file[position] ^= 0x40
        }
        let last = segment.chunks.count - 1
        #expect(try TensorBytes(segment, 0..<4096).array() == Array(raw[..<4096]))
        let error = #expect(throws: ModelError.self) { try TensorBytes(segment, 19_000..<20_000).array() }
        let found = try #require(error)
        #expect(found.code == .damagedFile)
        #expect(found.place == ["segment 0", "chunk \(last)"])
        #expect(found.message.hasPrefix("has CRC-32 ") && found.message.hasSuffix(" where \(hex(segment.chunks[last].crc32)) belongs"))
    }

    @Test func stopsDecodingTheSameChunksForEver() throws {
        let raw = [UInt8](repeating: 3, count: 10 * 4096)
        let bytes = TensorBytes(try Self.segment(raw, limit: 100_000), 0..<raw.count)
        let error = #expect(throws: ModelError.self) {
            for round in 0..<1000 { _ = try bytes.slice(round % 10 * 4096..<round % 10 * 4096 + 8).array() }
        }
        #expect(error?.code == .limit)
    }
}
