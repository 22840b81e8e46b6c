internal import ModelGraph
internal import Operators
internal import Tensors

/// Which nodes make one pass over memory together: chains and diamonds of elementwise nodes whose inner values nobody else reads.
struct ElementwiseGroups {
    enum Role {
        /// Not elementwise, or of shapes that are not known.
        case none
        /// Done as part of its group's root.
        case inner
        /// Does the work of these items, itself the last, in order.
        case root([Int])
    }

    /// Nodes in one group; more of them would not fit the kernel's registers.
    static let limit = 24

    private var roots: [Int?]
    private var members: [Int: [Int]] = [:]

    /// `taken`: items that something else does.
    init(_ unfolding: Unfolding, except taken: Set<Int> = []) {
        let items = unfolding.items
        roots = [Int?](repeating: nil, count: items.count)
        var readers = [[Int]](repeating: [], count: unfolding.values.count), isSeen = [Bool](repeating: false, count: unfolding.values.count)
        for case let id? in unfolding.outputs { isSeen[id] = true }
        for (index, item) in items.enumerated() {
            for case let id? in item.inputs { readers[id].append(index) }
            for subgraph in item.subgraphs.values { for id in subgraph.captures { isSeen[id] = true } }
        }
        // From the end: a node joins the group of its readers if they are all of one.
        for index in items.indices.reversed() where !taken.contains(index) && Elementwise.suits(items[index], unfolding) {
            var root = index
            if let output = items[index].outputs[0], !isSeen[output], let first = readers[output].first, let candidate = roots[first],
                readers[output].allSatisfy({ roots[$0] == candidate }), members[candidate]?.count ?? 0 < Self.limit,
                unfolding.values[output].fact.fixedDims == unfolding.values[items[candidate].outputs[0] ?? 0].fact.fixedDims
            {
                root = candidate
            }
            // Truth is made within a program only.
            if root == index, Comparison.operators[items[index].operatorName] != nil { continue }
            roots[index] = root
            members[root, default: []].append(index)
        }
    }

    func role(of index: Int) -> Role {
        guard let root = roots[index] else { return .none }
        return root == index ? .root(members[index, default: []].reversed()) : .inner
    }
}
