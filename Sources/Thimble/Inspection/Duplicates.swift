internal import Tensors

/// Tensors that hold the same bytes.
public struct Duplicates: Equatable, Sendable {
    public struct Group: Equatable, Sendable {
        /// Bytes of each.
        public var byteCount: Int
        public var tensors: [Inspection.TensorRow]
        /// All bytes were compared, or are stored once; false: same size and same samples.
        public var isProved: Bool
        /// The file holds them once: nothing to gain.
        public var isStoredOnce: Bool
    }

    /// Groups of two or more, those that waste most first. Tensors under 64 bytes are left out.
    public var groups: [Group] = []
    /// Bytes that storing each group once saves in this file.
    public var byteCount: Int { groups.reduce(0) { $1.isStoredOnce ? $0 : $0 + $1.byteCount * ($1.tensors.count - 1) } }

    struct Candidate {
        let bytes: TensorBytes
        /// Index of the tensor's row.
        let row: Int
    }

    /// The work that a look may spend on comparing: it stays in milliseconds at any size.
    static let compareBudget = 16 << 20
    private static let smallest = 64
    private static let sampleSize = 64

    private struct Key: Hashable {
        let count: Int
        let hash: UInt64
    }

    static func find(_ candidates: [Candidate], rows: [Inspection.TensorRow]) throws -> Duplicates {
        var budget = compareBudget
        var result = Duplicates()
        for bucket in try bucketsOfEqualSamples(candidates) {
            var rest = bucket[...]
            while let first = rest.popFirst() {
                var group = Group(byteCount: first.bytes.count, tensors: [rows[first.row]], isProved: true, isStoredOnce: true)
                var others: [Candidate] = []
                for other in rest {
                    switch try compare(first.bytes, other.bytes, budget: &budget) {
                    case .same: break
                    case .equal: group.isStoredOnce = false
                    case .sampled: (group.isProved, group.isStoredOnce) = (false, false)
                    case .different: others.append(other); continue
                    }
                    group.tensors.append(rows[other.row])
                }
                rest = others[...]
                if group.tensors.count > 1 { result.groups.append(group) }
            }
        }
        result.groups = result.groups.enumerated().sorted { ($1.element.waste, $0.offset) < ($0.element.waste, $1.offset) }.map(\.element)
        return result
    }

    /// In the order of the first member.
    private static func bucketsOfEqualSamples(_ candidates: [Candidate]) throws -> [[Candidate]] {
        var sizes: [Int: Int] = [:]
        for candidate in candidates { sizes[candidate.bytes.count, default: 0] += 1 }
        var order: [Key] = []
        var buckets: [Key: [Candidate]] = [:]
        for candidate in candidates where candidate.bytes.count >= smallest && sizes[candidate.bytes.count]! > 1 {
            let key = Key(count: candidate.bytes.count, hash: try sampleHash(candidate.bytes))
            if buckets[key] == nil { order.append(key) }
            buckets[key, default: []].append(candidate)
        }
        return order.compactMap { key in buckets[key].flatMap { $0.count > 1 ? $0 : nil } }
    }

    /// FNV-1a over the first, middle and last bytes. Compressed values are told apart by where they lie: writers of `.thimble` store
    /// equal values once.
    private static func sampleHash(_ bytes: TensorBytes) throws -> UInt64 {
        guard bytes.isInPlace else { return UInt64(bitPattern: Int64(bytes.location.hashValue)) }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let middle = (bytes.count - sampleSize) / 2
        for start in [0, middle, bytes.count - sampleSize] {
            for byte in try bytes.copy(start..<start + sampleSize) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return hash
    }

    private enum Verdict { case same, equal, sampled, different }

    private static func compare(_ a: TensorBytes, _ b: TensorBytes, budget: inout Int) throws -> Verdict {
        if let place = a.location, place == b.location { return .same }
        guard a.isInPlace, b.isInPlace else { return .different }
        let step = 1 << 16
        for start in stride(from: 0, to: a.count, by: step) {
            guard budget > 0 else { return .sampled }
            let range = start..<min(a.count, start + step)
            guard try a.copy(range) == b.copy(range) else { return .different }
            budget -= 2 * range.count
        }
        return .equal
    }
}

extension Duplicates.Group {
    fileprivate var waste: Int { isStoredOnce ? 0 : byteCount * (tensors.count - 1) }
}
