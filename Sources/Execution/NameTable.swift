internal import Tensors

/// Values by name, for the one lookup of each name that planning a graph makes: a name is hashed once, and compared with names of the same hash only.
///
/// The hash is seeded anew in each process, so that no file can be made whose names all have one place.
struct NameTable<Value> {
    private var hashes: [UInt64] = []
    private var names: [Name] = []
    private var values: [Value] = []
    /// Numbers of entries at places that follow from their hashes, -1 where there is none; always a power of two of them, at most half of them taken.
    private var places: [Int] = []
    private let secret = NameSecret.shared

    /// Place for `count` names.
    mutating func reserve(_ count: Int) {
        hashes.reserveCapacity(count)
        names.reserveCapacity(count)
        values.reserveCapacity(count)
        grow(to: count)
    }

    subscript(entry: Int) -> Value {
        get { values[entry] }
        set { values[entry] = newValue }
    }

    /// The number of the entry of that name.
    func find(_ name: Name) -> Int? {
        guard !places.isEmpty else { return nil }
        let entry = places[place(of: name, hash(name))]
        return entry < 0 ? nil : entry
    }

    /// The entry of that name, a new one if there was none.
    mutating func insert(_ name: Name, _ value: Value) -> (entry: Int, isNew: Bool) {
        if 2 * (values.count + 1) > places.count { grow(to: 2 * values.count + 8) }
        let hash = hash(name), place = place(of: name, hash)
        if places[place] >= 0 { return (places[place], false) }
        places[place] = values.count
        hashes.append(hash)
        names.append(name)
        values.append(value)
        return (values.count - 1, true)
    }

    /// Where the name is, or would be.
    private func place(of name: Name, _ hash: UInt64) -> Int {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while case let entry = places[place], entry >= 0, hashes[entry] != hash || names[entry] != name { place = (place + 1) & mask }
        return place
    }

    private mutating func grow(to count: Int) {
        var size = 16
        while size < 2 * count { size *= 2 }
        guard size > places.count else { return }
        places = [Int](repeating: -1, count: size)
        for (entry, hash) in hashes.enumerated() {
            var place = Int(truncatingIfNeeded: hash) & (size - 1)
            while places[place] >= 0 { place = (place + 1) & (size - 1) }
            places[place] = entry
        }
    }

    /// Eight bytes at a time are multiplied into the state, whose halves are folded.
    private func hash(_ name: Name) -> UInt64 {
        unsafe name.withBytes { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            var state = secret.seed ^ UInt64(bytes.count), position = 0
            while position + 8 <= bytes.count {
                state = secret.mix(state, unsafe raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position += 8
            }
            var last: UInt64 = 0
            while position < bytes.count {
                last = last << 8 | UInt64(unsafe bytes[position])
                position += 1
            }
            return secret.mix(state, last)
        }
    }
}

/// What keeps hashes from being foreseen: another one in each process.
private struct NameSecret {
    let seed = UInt64.random(in: .min ... .max)
    /// Odd, so that no word is lost.
    let multiplier = UInt64.random(in: .min ... .max) | 1

    static let shared = NameSecret()

    func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let (high, low) = (state ^ word).multipliedFullWidth(by: multiplier)
        return high ^ low
    }
}
