internal import Tensors

/// Counts the values of a model while they are stored: how many bytes they are, and how many of them were stored before.
struct ValueTally {
    /// Bytes of all values, each tensor counted, as plain elements; of strings, their bytes.
    private(set) var plainByteCount = 0
    private var sharedUses = 0
    private var plainSizes: [Int: Int] = [:]

    mutating func add(_ tensor: Tensor, payload: Int) {
        var size = tensor.plainByteCount ?? 0
        if case .strings(let list) = tensor.encoding { size = list.joined.count }
        plainByteCount += size
        if plainSizes.updateValue(size, forKey: payload) != nil { sharedUses += size }
    }

    /// Bytes that were not stored because equal ones were: payloads used again, payloads in one place, and transposes.
    func sharedByteCount(_ tables: PayloadTables) -> Int {
        struct Place: Hashable {
            let segment: Int
            let offset: Int
            let size: Int
        }
        var places = Set<Place>()
        var shared = sharedUses
        for (id, payload) in tables.payloads.enumerated() {
            if case .blob(let segment, let offset, let size) = payload.data, size > 0 {
                if !places.insert(Place(segment: segment, offset: offset, size: size)).inserted { shared += size }
            } else if case .transposed = payload.encoding {
                shared += plainSizes[id] ?? 0
            }
        }
        return shared
    }
}
