internal import Tensors

/// Weights as kernels want them. Packed once per session, whatever shapes the inputs have.
final class PackCache: @unchecked Sendable {
    /// What was packed, and for which kernel: equal keys, equal bytes.
    struct Key: Equatable {
        /// Their numbers; one at least.
        let constants: [Int]
        let form: [Int]
    }

    private let lock = Lock()
    private var packs = PackTable()
    private var store: PackStore

    /// `expected`: bytes of all weights, about.
    init(expected: Int) {
        store = PackStore(expected: expected)
    }

    var byteCount: Int { lock.locked { packs.byteCount } }

    func find(_ key: Key?) -> OwnedMemory? { key.flatMap { key in lock.locked { packs.find(key) } } }

    /// `make` fills the memory, which has `byteCount` bytes.
    func memory(_ key: Key?, byteCount: Int, make: (OwnedMemory) throws -> Void) throws -> OwnedMemory {
        guard let key else {
            // Of one program only, and gone with it.
            let memory = try OwnedMemory(lasting: byteCount)
            try make(memory)
            return memory
        }
        if let known = find(key) { return known }
        let memory = try room(byteCount)
        try make(memory)
        keep(memory, key)
        return memory
    }

    /// Memory for a pack that is to be kept.
    func room(_ byteCount: Int) throws -> OwnedMemory { try lock.locked { try store.memory(byteCount) } }

    /// The memory is filled.
    func keep(_ memory: OwnedMemory, _ key: Key) { lock.locked { packs.insert(memory, key) } }

    /// Memory of any content for work on packs, best of what is in memory anyway; to be taken back.
    func lend(_ byteCount: Int) throws -> OwnedMemory { try rest(byteCount) ?? OwnedMemory(byteCount: byteCount) }

    func takeBack(_ memory: OwnedMemory) { lock.locked { store.takeBack(memory) } }

    /// Memory for values of a program, in what packs leave of a large page; nil if it has no place there. It does not come back before the session
    /// ends, which is at most one large page in all.
    func rest(_ byteCount: Int) -> OwnedMemory? { lock.locked { store.rest(byteCount) } }
}

/// Packs by the first constant that they are made of, of which there are one or two each: a form is long, and hashing it would take longer than packing
/// a small weight.
struct PackTable {
    private struct Entry {
        let key: PackCache.Key
        let memory: OwnedMemory
    }

    private var entries: [[Entry]] = []

    var byteCount: Int { entries.joined().reduce(0) { unsafe $0 + $1.memory.bytes.count } }

    func find(_ key: PackCache.Key) -> OwnedMemory? {
        guard let first = key.constants.first, first < entries.count else { return nil }
        return entries[first].first { $0.key == key }?.memory
    }

    mutating func insert(_ memory: OwnedMemory, _ key: PackCache.Key) {
        guard let first = key.constants.first else { return }
        while entries.count <= first { entries.append([]) }
        entries[first].append(Entry(key: key, memory: memory))
    }

    mutating func removeAll() { entries = [] }
}

/// Where packs lie: one after the other in a few large pieces, so that even small ones share large pages. The system brings one of these sooner than
/// a tenth of the small pages that it stands for.
private struct PackStore {
    /// A model of fewer bytes would not fill a large page: its packs are pieces of their own.
    private static let fewBytes = 1 << 19
    /// Of addresses; what is not written takes no memory.
    private static let pieceSize = 64 << 20

    private let isSmall: Bool
    private var piece: OwnedMemory?
    private var used = 0

    init(expected: Int) {
        isSmall = expected < Self.fewBytes
    }

    mutating func memory(_ byteCount: Int) throws -> OwnedMemory {
        if isSmall { return try OwnedMemory(byteCount: byteCount) }
        if let piece, let room = unsafe Optional(piece.bytes.count - used), byteCount <= room { return take(byteCount, of: piece) }
        let next = try OwnedMemory(lasting: max(Self.pieceSize, byteCount))
        (piece, used) = (next, 0)
        return take(byteCount, of: next)
    }

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
