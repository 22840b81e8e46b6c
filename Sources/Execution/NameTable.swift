internal import Tensors

/// Entries by name, for the one lookup of each name that planning a graph makes: a name is hashed once, and compared with names of the same hash only.
///
/// The hash is seeded anew in each process, so that no file can be made whose names all have one place.
struct NameTable<Entry> {
    private struct Record {
        let hash: UInt64
        let name: Name
        var entry: Entry
    }

    private var records: [Record] = []
    /// Numbers of entries at places that follow from their hashes, -1 where there is none; always a power of two of them, at most half of them taken.
    private var places: [Int] = []
    private let secret = NameSecret.shared

    /// With place for `count` names.
    init(_ count: Int) {
        records.reserveCapacity(count)
        grow(to: count)
    }

    subscript(entry: Int) -> Entry {
        get { records[entry].entry }
        set { records[entry].entry = newValue }
    }

    /// The number of the entry of that name.
    @inline(__always)
    func find(_ name: Name) -> Int? {
        guard !places.isEmpty else { return nil }
        let entry = places[place(of: name, name.hash(secret))]
        return entry < 0 ? nil : entry
    }

    /// The entry of that name, a new one if there was none.
    mutating func insert(_ name: Name, _ new: Entry) -> (entry: Int, isNew: Bool) {
        if 2 * (records.count + 1) > places.count { grow(to: 2 * records.count + 8) }
        let hash = name.hash(secret), place = place(of: name, hash)
        if places[place] >= 0 { return (places[place], false) }
        places[place] = records.count
        records.append(Record(hash: hash, name: name, entry: new))
        return (records.count - 1, true)
    }

    /// Where the name is, or would be.
    @inline(__always)
    private func place(of name: Name, _ hash: UInt64) -> Int {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while case let entry = places[place], entry >= 0, records[entry].hash != hash || records[entry].name != name { place = (place + 1) & mask }
        return place
    }

    private mutating func grow(to count: Int) {
        var size = 16
        while size < 2 * count { size *= 2 }
        guard size > places.count else { return }
        places = [Int](repeating: -1, count: size)
        for entry in records.indices {
            var place = Int(truncatingIfNeeded: records[entry].hash) & (size - 1)
            while places[place] >= 0 { place = (place + 1) & (size - 1) }
            places[place] = entry
        }
    }
}
