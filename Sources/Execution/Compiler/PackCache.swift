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

    var byteCount: Int { lock.locked { packs.values.reduce(0) { unsafe $0 + $1.bytes.count } } }

    /// `make` fills the memory, which has `byteCount` bytes.
    func memory(_ key: Key?, byteCount: Int, make: (OwnedMemory) throws -> Void) throws -> OwnedMemory {
        if let key, let known = lock.locked({ packs[key] }) { return known }
        let memory = try OwnedMemory(byteCount: byteCount)
        try make(memory)
        if let key { lock.locked { packs[key] = memory } }
        return memory
    }
}
