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
    /// By root, from the last on.
    private var members: [[Int]]

    /// `isTaken`: whether something else does an item.
    init(_ unfolding: Unfolding, _ readers: Readers, except isTaken: (Int) -> Bool) {
        let items = unfolding.items
        roots = [Int?](repeating: nil, count: items.count)
        members = [[Int]](repeating: [], count: items.count)
        // From the end: a node joins the group of its readers if they are all of one.
        for index in items.indices.reversed() where !isTaken(index) && Elementwise.suits(items[index], unfolding) {
            var root = index
            if let output = items[index].outputs[0], let own = readers.readers(output), let first = own.first, let candidate = roots[first],
                own.allSatisfy({ roots[$0] == candidate }), members[candidate].count < Self.limit,
                unfolding.values[output].dims == unfolding.values[items[candidate].outputs[0] ?? 0].dims
            {
                root = candidate
            }
            // Truth is made within a program only.
            if root == index, items[index].operation.comparison != nil { continue }
            roots[index] = root
            members[root].append(index)
        }
    }

    func role(of index: Int) -> Role {
        guard let root = roots[index] else { return .none }
        return root == index ? .root(members[index].reversed()) : .inner
    }
}
