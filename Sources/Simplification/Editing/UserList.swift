/// The places that read a value. Adding and removing take the same time however many there are: one constant may have a million readers.
struct UserList: Sequence {
    private var uses: [Use] = []
    /// Where each use stands, once there are many.
    private var places: [Use: Int]?
    /// How many of them are outputs of graphs.
    private(set) var outputCount = 0
    private static let many = 32

    var count: Int { uses.count }
    var isEmpty: Bool { uses.isEmpty }
    var first: Use? { uses.first }

    func makeIterator() -> IndexingIterator<[Use]> { uses.makeIterator() }

    mutating func add(_ use: Use) {
        if use.node < 0 { outputCount += 1 }
        places?[use] = uses.count
        uses.append(use)
        if places == nil, uses.count > Self.many { places = Dictionary(uniqueKeysWithValues: uses.enumerated().map { ($1, $0) }) }
    }

    mutating func remove(_ use: Use) {
        guard let at = places == nil ? uses.firstIndex(of: use) : places?.removeValue(forKey: use) else { return }
        if use.node < 0 { outputCount -= 1 }
        let last = uses.removeLast()
        if at < uses.count {
            uses[at] = last
            places?[last] = at
        }
    }
}
