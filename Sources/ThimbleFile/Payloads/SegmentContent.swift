import Tensors

/// The raw bytes of a segment before it is written: values one behind the other, zeros between them. Holds no copy.
struct SegmentContent: Sendable {
    struct Piece: Sendable {
        let offset: Int
        let bytes: TensorBytes
        var end: Int { offset + bytes.count }
    }

    /// Bytes of the elements, 1, 2, 4 or 8; or bits of the codes, 3, 5, 6 or 7.
    let width: Int
    private(set) var pieces: [Piece] = []
    var rawSize: Int { pieces.last?.end ?? 0 }
    /// What the file format asks of a plain segment.
    var alignment: Int { rawSize >= 1 << 20 ? 16384 : 64 }

    init(width: Int) {
        self.width = width
    }

    var holdsCodes: Bool { [3, 5, 6, 7].contains(width) }

    /// Where bytes appended next would lie: at a multiple of 8, of 64 from 1,024 bytes on, and of `width` bytes for codes.
    func nextOffset(for count: Int) -> Int {
        let unit = (count >= 1024 ? 64 : 8) * (holdsCodes ? width : 1)
        return ceilDivide(rawSize, unit) * unit
    }

    mutating func append(_ bytes: TensorBytes) {
        pieces.append(Piece(offset: nextOffset(for: bytes.count), bytes: bytes))
    }

    /// Lends `range` of the raw bytes, gathered in `scratch`, which is as long at least, unless one value in memory holds it.
    func withBytes<R>(_ range: Range<Int>, scratch: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        var index = piece(at: range.lowerBound)
        let first = pieces[index]
        if case .owned = first.bytes.place, first.end >= range.upperBound {
            return try unsafe first.bytes.slice(range.lowerBound - first.offset..<range.upperBound - first.offset).withUnsafeBytes(body)
        }
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<range.count])
        var done = range.lowerBound
        while index < pieces.count, pieces[index].offset < range.upperBound {
            let piece = pieces[index]
            let start = max(piece.offset, range.lowerBound), end = min(piece.end, range.upperBound)
            if start < end {
                unsafe Self.clear(target, done - range.lowerBound..<start - range.lowerBound)
                try unsafe piece.bytes.read(
                    start - piece.offset..<end - piece.offset,
                    into: UnsafeMutableRawBufferPointer(rebasing: target[start - range.lowerBound..<end - range.lowerBound]))
                done = end
            }
            index += 1
        }
        unsafe Self.clear(target, done - range.lowerBound..<target.count)
        return try unsafe body(UnsafeRawBufferPointer(target))
    }

    private static func clear(_ memory: UnsafeMutableRawBufferPointer, _ range: Range<Int>) {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[range]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// The last piece that begins at or before `offset`.
    private func piece(at offset: Int) -> Int {
        var low = 0, high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }
}
