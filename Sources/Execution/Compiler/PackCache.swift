internal import Tensors

/// Weights as kernels want them. Packed once per session, whatever shapes the inputs have.
final class PackCache: @unchecked Sendable {
    /// What was packed, and for which kernel: equal keys, equal bytes.
    struct Key: Hashable {
        let constants: [ObjectIdentifier]
        let form: [Int]
    }

    private let lock = Lock()
    private var packs: [Key: OwnedMemory] = [:]
    private var store = PackStore()

    var byteCount: Int { lock.locked { packs.values.reduce(0) { unsafe $0 + $1.bytes.count } } }

    func find(_ key: Key?) -> OwnedMemory? { key.flatMap { key in lock.locked { packs[key] } } }

    /// `make` fills the memory, which has `byteCount` bytes.
    func memory(_ key: Key?, byteCount: Int, make: (OwnedMemory) throws -> Void) throws -> OwnedMemory {
        guard let key else {
            // Of one program only, and gone with it.
            let memory = try OwnedMemory(lasting: byteCount)
            try make(memory)
            return memory
        }
        if let known = lock.locked({ packs[key] }) { return known }
        let memory = try lock.locked { try store.memory(byteCount) }
        try make(memory)
        lock.locked { packs[key] = memory }
        return memory
    }
}

/// Where packs lie: one after the other in a few large pieces, so that even small ones share large pages.
private struct PackStore {
    /// Until packs are that much, each is a piece of its own: a small model would not fill a large page.
    private static let fewBytes = 1 << 20
    /// Of addresses; what is not written takes no memory.
    private static let pieceSize = 64 << 20

    private var total = 0
    private var piece: OwnedMemory?
    private var used = 0

    mutating func memory(_ byteCount: Int) throws -> OwnedMemory {
        total += byteCount
        if total <= Self.fewBytes { return try OwnedMemory(byteCount: byteCount) }
        if let piece, let room = unsafe Optional(piece.bytes.count - used), byteCount <= room { return take(byteCount, of: piece) }
        let next = try OwnedMemory(lasting: max(Self.pieceSize, byteCount))
        (piece, used) = (next, 0)
        return take(byteCount, of: next)
    }

    private mutating func take(_ byteCount: Int, of piece: OwnedMemory) -> OwnedMemory {
        defer { used = unsafe min(piece.bytes.count, (used + byteCount + 63) / 64 * 64) }
        return OwnedMemory(used..<used + byteCount, of: piece)
    }
}
