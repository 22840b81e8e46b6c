/// Who reads which value of an unfolding, each reader once.
struct Readers {
    /// Readers of all values, one value's after the other's.
    private var items: [Int]
    /// Where those of each value begin, and the end of all.
    private var starts: [Int]
    /// Values that outputs or subgraphs read too.
    private var isOutside: [Bool]

    init(_ unfolding: Unfolding) {
        let count = unfolding.values.count
        isOutside = [Bool](repeating: false, count: count)
        starts = [Int](repeating: 0, count: count + 1)
        var last = [Int](repeating: -1, count: count)
        for (index, item) in unfolding.items.enumerated() {
            for case let id? in item.inputs where last[id] != index {
                last[id] = index
                starts[id + 1] += 1
            }
            for subgraph in item.subgraphs.values { for id in subgraph.captures { isOutside[id] = true } }
        }
        for case let id? in unfolding.outputs { isOutside[id] = true }
        for id in 0..<count {
            starts[id + 1] += starts[id]
            last[id] = -1
        }
        items = [Int](repeating: 0, count: starts[count])
        var next = starts
        for (index, item) in unfolding.items.enumerated() {
            for case let id? in item.inputs where last[id] != index {
                last[id] = index
                items[next[id]] = index
                next[id] += 1
            }
        }
    }

    /// Items in order; nil for values that outputs or subgraphs read too, and for those that came later.
    func readers(_ id: ValueID) -> ArraySlice<Int>? { id < isOutside.count && !isOutside[id] ? items[starts[id]..<starts[id + 1]] : nil }

    /// The one item that reads the value.
    func only(_ id: ValueID) -> Int? {
        guard id < isOutside.count, !isOutside[id], starts[id + 1] == starts[id] + 1 else { return nil }
        return items[starts[id]]
    }

    /// The same if it is of that operator and makes one output.
    func only(_ id: ValueID?, is op: String, _ items: [Item]) -> Int? {
        guard let id, let reader = only(id), items[reader].operatorName == op, items[reader].outputs.count == 1 else { return nil }
        return reader
    }
}

/// Items that are part of chains which become one step each.
struct ChainMembers {
    private enum Place {
        case none
        case inner
        /// The last of the chain of this number.
        case root(Int)
    }

    /// None where there is no chain.
    private var places: [Place] = []
    private let count: Int

    /// `count`: of all items.
    init(count: Int) {
        self.count = count
    }

    func contains(_ item: Int) -> Bool {
        if places.isEmpty { return false }
        if case .none = places[item] { return false }
        return true
    }

    /// The number of the chain whose last item this is.
    func chain(at item: Int) -> Int? {
        if !places.isEmpty, case .root(let chain) = places[item] { chain } else { nil }
    }

    mutating func add(_ members: [Int], of chain: Int) {
        if places.isEmpty { places = [Place](repeating: .none, count: count) }
        for member in members { places[member] = .inner }
        if let root = members.last { places[root] = .root(chain) }
    }
}
