internal import Tensors

/// Memory side by side in large pages, which the system brings in the time of a seventh of the small pages that each stands for.
struct LargePages {
    /// What is less does not fill a large page, and is of pieces of its own.
    private static let fewBytes = 1 << 18

    private let pieceSize: Int
    /// Bytes that are asked for, or will be.
    private var expected: Int
    private var piece: OwnedMemory?
    private var used = 0

    /// `pieceSize`: of addresses; what is not written takes no memory. `expected`: bytes that will be asked for, if that is known.
    init(pieceSize: Int, expected: Int = 0) {
        self.pieceSize = pieceSize
        self.expected = expected
    }

    /// Aligned to 64 bytes, not cleared.
    mutating func memory(_ byteCount: Int) throws -> OwnedMemory {
        if piece == nil {
            expected = max(expected, 0) &+ byteCount
            if expected < Self.fewBytes { return try OwnedMemory(byteCount: byteCount) }
        }
        if let piece, let room = unsafe Optional(piece.bytes.count - used), byteCount <= room { return take(byteCount, of: piece) }
        let next = try OwnedMemory(lasting: max(pieceSize, byteCount))
        (piece, used) = (next, 0)
        return take(byteCount, of: next)
    }

    /// What is left of the large page that was begun last; nil if `byteCount` has no place there.
    mutating func rest(_ byteCount: Int) -> OwnedMemory? {
        let page = OwnedMemory.largePage
        guard let piece, let end = unsafe Optional(min(piece.bytes.count, (used + page - 1) / page * page)), byteCount <= end - used else { return nil }
        return take(byteCount, of: piece)
    }

    /// What was taken last is free again; anything else stays taken.
    mutating func takeBack(_ memory: OwnedMemory) {
        guard let piece, let base = unsafe piece.bytes.baseAddress, let start = unsafe memory.bytes.baseAddress else { return }
        if unsafe start >= base && start + memory.bytes.count == base + used { used = unsafe start - base }
    }

    private mutating func take(_ byteCount: Int, of piece: OwnedMemory) -> OwnedMemory {
        defer { used = unsafe min(piece.bytes.count, (used + byteCount + 63) / 64 * 64) }
        return OwnedMemory(used..<used + byteCount, of: piece)
    }
}
