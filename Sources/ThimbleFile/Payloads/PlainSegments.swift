import Tensors

/// Writes plain segments on several threads: each reads a part into a small buffer, adds up its CRC-32 and writes it where it
/// belongs. Measured, that is faster than a copy within the kernel beside a pass over the mapping, and nothing stays resident.
@safe
final class PlainSegments: @unchecked Sendable {
    private struct Part {
        let segment: Int
        let range: Range<Int>
    }

    private let output: OutputFile
    private let segments: [SegmentContent]
    private let offsets: [Int]
    private let parts: [Part]
    private let lock = Lock()
    private var checksums: [UInt32]
    private var buffers: [OwnedMemory] = []
    private static let step = 1 << 19

    /// Appends `segments` to `output` and returns their entries in the segment table.
    static func write(_ segments: [SegmentContent], to output: OutputFile, threads: Int) throws -> [SegmentRecord] {
        let work = try PlainSegments(output, segments)
        try concurrently(work.parts.count, threads: threads) { try work.write($0) }
        return work.records()
    }

    private init(_ output: OutputFile, _ segments: [SegmentContent]) throws {
        self.output = output
        self.segments = segments
        var offsets: [Int] = [], parts: [Part] = []
        for (index, segment) in segments.enumerated() {
            let size = segment.rawSize
            try output.pad(to: segment.alignment)
            offsets.append(try output.reserve(size))
            parts += stride(from: 0, to: size, by: Self.step).map { Part(segment: index, range: $0..<min(size, $0 + Self.step)) }
        }
        self.offsets = offsets
        self.parts = parts
        checksums = [UInt32](repeating: 0, count: parts.count)
    }

    private func write(_ index: Int) throws {
        let part = parts[index]
        let buffer = try lock.locked { buffers.popLast() } ?? OwnedMemory(byteCount: Self.step)
        try unsafe segments[part.segment].withBytes(part.range, scratch: buffer.bytes) { bytes in
            let crc = unsafe Checksum.crc32(bytes)
            try unsafe output.fill(bytes, at: offsets[part.segment] + part.range.lowerBound)
            lock.locked { checksums[index] = crc }
        }
        lock.locked { buffers.append(buffer) }
    }

    private func records() -> [SegmentRecord] {
        var checksum = [UInt32](repeating: 0, count: segments.count)
        for (index, part) in parts.enumerated() {
            checksum[part.segment] = Checksum.crc32(combining: checksum[part.segment], checksums[index], count: part.range.count)
        }
        return segments.enumerated().map { index, segment in
            SegmentRecord(
                offset: offsets[index], storedSize: segment.rawSize, rawSize: segment.rawSize, firstChunk: 0, chunkCount: 0,
                crc32: checksum[index], codec: 0, filter: 0, width: UInt8(segment.holdsCodes ? 1 : segment.width), chunkLog2: 0)
        }
    }
}
