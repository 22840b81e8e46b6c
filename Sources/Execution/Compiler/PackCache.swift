internal import Tensors

/// Weights as kernels want them. Packed once per session, whatever shapes the inputs have.
final class PackCache: @unchecked Sendable {
    /// What was packed, and for which kernel: equal keys, equal bytes.
    struct Key: Equatable {
        /// Their numbers; one at least.
        let constants: [Int]
        let form: [Int]
    }

    /// For who makes packed weights, or asks whether they are made.
    let making = Lock()
    private let lock = Lock()
    private var packs = PackTable()
    /// Pieces of many large pages: even small packs share them.
    private var store: LargePages

    /// `expected`: bytes of all weights, about.
    init(expected: Int) {
        store = LargePages(pieceSize: 64 << 20, expected: expected)
    }

    var byteCount: Int { lock.locked { packs.byteCount } }

    func find(_ key: Key?) -> PackedWeights? { key.flatMap { key in lock.locked { packs.find(key) } } }

    /// Memory for a pack that is to be kept.
    func room(_ byteCount: Int) throws -> OwnedMemory { try lock.locked { try store.memory(byteCount) } }

    func keep(_ weights: PackedWeights, _ key: Key) { lock.locked { packs.insert(weights, key) } }

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
        let weights: PackedWeights
    }

    private var entries: [[Entry]] = []

    var byteCount: Int { entries.joined().reduce(0) { unsafe $0 + $1.weights.memory.bytes.count } }

    func find(_ key: PackCache.Key) -> PackedWeights? {
        guard let first = key.constants.first, first < entries.count else { return nil }
        return entries[first].first { $0.key == key }?.weights
    }

    mutating func insert(_ weights: PackedWeights, _ key: PackCache.Key) {
        guard let first = key.constants.first else { return }
        while entries.count <= first { entries.append([]) }
        entries[first].append(Entry(key: key, weights: weights))
    }
}
