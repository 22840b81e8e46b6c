/// A compressed segment of a mapped file, decoded chunk by chunk when it is read. Each chunk's CRC-32 is checked first.
package final class CompressedSegment: ByteSource {
    package struct Chunk: Sendable {
        package let stored: Range<Int>
        package let isVerbatim: Bool
        package let crc32: UInt32

        /// `stored` is a range of the file.
        package init(stored: Range<Int>, isVerbatim: Bool, crc32: UInt32) {
            self.stored = stored
            self.isVerbatim = isVerbatim
            self.crc32 = crc32
        }
    }

    package let file: MappedFile
    package let filter: Filter
    package let layout: ChunkLayout
    package let chunks: [Chunk]
    /// For messages: "segment 3".
    private let place: String
    private let cache: ChunkCache
    fileprivate let id: Int

    package var count: Int { layout.rawSize }

    /// `chunks` are as many as `layout` has and lie within the file.
    package init(_ file: MappedFile, filter: Filter, layout: ChunkLayout, chunks: [Chunk], cache: ChunkCache, place: String) {
        precondition(chunks.count == layout.count, "a segment with another number of chunks than its layout")
        self.file = file
        self.filter = filter
        self.layout = layout
        self.chunks = chunks
        self.cache = cache
        self.place = place
        id = cache.newSegment()
    }

    package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < target.count {
            let index = (offset + done) / layout.chunkLength
            let chunk = layout.range(index)
            let from = offset + done - chunk.lowerBound
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: target[done..<min(target.count, done + chunk.count - from)])
            if part.count == chunk.count {
                try unsafe decode(index, into: part)
            } else {
                let memory = try cache.chunk(of: self, index, delivering: part.count)
                unsafe part.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.bytes[from..<from + part.count]))
            }
            done += part.count
        }
    }

    /// Checks and decodes one whole chunk.
    package func decode(_ index: Int, into raw: UnsafeMutableRawBufferPointer) throws {
        try within(place) { try unsafe decodeWithin(index, into: raw) }
    }

    /// The same for those who name the segment themselves.
    package func decodeWithin(_ index: Int, into raw: UnsafeMutableRawBufferPointer) throws {
        let chunk = chunks[index]
        let stored = unsafe file.pointer(chunk.stored)
        try within("chunk \(index)") {
            let crc = unsafe Checksum.crc32(stored)
            guard crc == chunk.crc32 else {
                throw ModelError(.damagedFile, "has CRC-32 \(hex(crc)) where \(hex(chunk.crc32)) belongs")
            }
            try unsafe ChunkDecoder.decode(stored, isVerbatim: chunk.isVerbatim, filter: filter, into: raw)
        }
    }
}

/// The chunks of a file that were decoded last, few, whatever the number of segments; and what decoding them again may cost.
package final class ChunkCache: @unchecked Sendable {
    private struct Entry {
        let segment: Int
        let index: Int
        let memory: OwnedMemory
    }

    private let lock = Lock()
    private var entries: [Entry] = []
    private var decodedTwice = 0
    private var known: [Set<Int>] = []
    private let limit: Int
    private static let capacity = 4

    /// `limit`: the most bytes that may be decoded again only because they were dropped in between.
    package init(limit: Int) {
        self.limit = limit
    }

    fileprivate func newSegment() -> Int {
        lock.locked {
            known.append([])
            return known.count - 1
        }
    }

    fileprivate func chunk(of segment: CompressedSegment, _ index: Int, delivering count: Int) throws -> OwnedMemory {
        let id = segment.id
        let size = segment.layout.range(index).count
        let found: OwnedMemory? = try lock.locked {
            if let at = entries.firstIndex(where: { $0.segment == id && $0.index == index }) {
                // The latest is last, the first is dropped.
                let entry = entries.remove(at: at)
                entries.append(entry)
                return entry.memory
            }
            if !known[id].insert(index).inserted {
                decodedTwice += max(0, size - count)
                guard decodedTwice <= limit else {
                    throw ModelError(.limit, "reading decodes the same chunks again and again, \(printable(bytes: limit)) by now; raise the limit of decoded bytes")
                }
            }
            return nil
        }
        if let found { return found }
        let memory = try OwnedMemory(byteCount: size)
        try unsafe segment.decode(index, into: memory.bytes)
        lock.locked {
            guard !entries.contains(where: { $0.segment == id && $0.index == index }) else { return }
            if entries.count == Self.capacity { entries.removeFirst() }
            entries.append(Entry(segment: id, index: index, memory: memory))
        }
        return memory
    }
}

/// Eight hexadecimal digits, as checksums are written.
package func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
