internal import Tensors

/// Gives each name a number: 0, 1, 2, … in the order of first sight. A dictionary would do, but it looks at every name on the way
/// to the right one, and with hundreds of thousands of them each look is a cache miss; here hashes are compared first.
struct NameTable {
    private(set) var names: [Name] = []
    private var hashes: [Int] = []
    /// 1 + number, 0 for a free place; a power of two of them, at most half taken.
    private var places: [UInt32] = Array(repeating: 0, count: 64)

    mutating func number(of name: Name) -> Int {
        let hash = name.hashValue
        var place = hash & (places.count - 1)
        while places[place] != 0 {
            let number = Int(places[place]) - 1
            if hashes[number] == hash, names[number] == name { return number }
            place = (place + 1) & (places.count - 1)
        }
        names.append(name)
        hashes.append(hash)
        places[place] = UInt32(names.count)
        if names.count * 2 > places.count { grow() }
        return names.count - 1
    }

    private mutating func grow() {
        places = Array(repeating: 0, count: places.count * 4)
        for (number, hash) in hashes.enumerated() {
            var place = hash & (places.count - 1)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            places[place] = UInt32(number + 1)
        }
    }
}
