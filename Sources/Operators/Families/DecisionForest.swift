internal import Tensors

/// Decision trees in flat arrays. Made once per call; that no node is its own ancestor and that every index lies in its array
/// was checked then, so evaluation neither checks nor recurses, and ends.
struct DecisionForest<T: Element & BinaryFloatingPoint> {
    enum Mode: UInt8 {
        case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member, leaf
    }

    struct Node {
        var mode: Mode
        /// Where a NaN goes.
        var missingIsTrue = false
        var feature: Int32 = 0
        /// Next nodes. Of a leaf: the range of its votes.
        var yes: Int32 = 0
        var no: Int32 = 0
        var threshold: T = 0
    }

    /// A leaf's contribution to one target.
    struct Vote {
        var target: Int32
        var weight: T
    }

    private(set) var nodes: [Node]
    private(set) var roots: [Int32]
    private(set) var votes: [Vote] = []
    /// Ascending members of the set of each node, by range; empty where no node has a set.
    private var members: [T] = []
    private var sets: [Range<Int>] = []
    /// More than any feature that a node reads.
    private var featureCount = 0
    /// More than any target that a leaf votes for.
    private(set) var targetCount = 0

    /// Nodes whose `yes` and `no` are to be checked, and the leaves' votes by node, in any order.
    init(nodes: [Node], roots: [Int], votes: [(node: Int, vote: Vote)]) throws {
        guard !nodes.isEmpty, nodes.count <= 1 << 29, votes.count <= 1 << 29 else {
            throw ModelError(.invalidGraph, "has \(nodes.count) nodes and \(votes.count) votes; 1 to 2^29 are needed")
        }
        self.nodes = nodes
        self.roots = roots.map { Int32($0) }
        try checkNodes()
        sort(votes)
    }

    /// The sets of the nodes of mode `.member`, in the order of the nodes, each ended by a NaN.
    mutating func addSets(_ values: [T]) throws {
        sets = Array(repeating: 0..<0, count: nodes.count)
        var start = 0
        for index in nodes.indices where nodes[index].mode == .member {
            guard let end = values[start...].firstIndex(where: \.isNaN) else {
                throw ModelError(.invalidGraph, "'membership_values' end before the set of node \(index); each set ends with a NaN")
            }
            sets[index] = members.count..<members.count + end - start
            members += values[start..<end].sorted()
            start = end + 1
        }
        guard start == values.count else {
            throw ModelError(.invalidGraph, "'membership_values' has \(values.count) numbers, the sets of the nodes take \(start)")
        }
    }

    /// Every index, and that no node is its own ancestor: nodes are taken away as long as there is one that no other leads to.
    private mutating func checkNodes() throws {
        var parents = [Int32](repeating: 0, count: nodes.count)
        for (index, node) in nodes.enumerated() where node.mode != .leaf {
            guard node.feature >= 0 else { throw ModelError(.invalidGraph, "node \(index) reads feature \(node.feature)") }
            featureCount = max(featureCount, Int(node.feature) + 1)
            for next in [node.yes, node.no] {
                guard next >= 0, next < nodes.count else {
                    throw ModelError(.invalidGraph, "node \(index) leads to node \(next), there are \(nodes.count)")
                }
                parents[Int(next)] += 1
            }
        }
        var free = nodes.indices.filter { parents[$0] == 0 }
        var taken = 0
        while let index = free.popLast() {
            taken += 1
            guard nodes[index].mode != .leaf else { continue }
            for next in [nodes[index].yes, nodes[index].no] {
                parents[Int(next)] -= 1
                if parents[Int(next)] == 0 { free.append(Int(next)) }
            }
        }
        if taken < nodes.count, let index = parents.firstIndex(where: { $0 > 0 }) {
            throw ModelError(.invalidGraph, "node \(index) of the trees is reached in a circle; each path must end in a leaf")
        }
    }

    /// The votes of each leaf next to each other, in the order given. Those of inner nodes never count.
    private mutating func sort(_ given: [(node: Int, vote: Vote)]) {
        var counts = [Int32](repeating: 0, count: nodes.count)
        for each in given where nodes[each.node].mode == .leaf { counts[each.node] += 1 }
        var start: Int32 = 0
        for index in nodes.indices where nodes[index].mode == .leaf {
            nodes[index].yes = start
            nodes[index].no = start
            start += counts[index]
        }
        votes = Array(repeating: Vote(target: 0, weight: 0), count: Int(start))
        for each in given where nodes[each.node].mode == .leaf {
            votes[Int(nodes[each.node].no)] = each.vote
            nodes[each.node].no += 1
            targetCount = max(targetCount, Int(each.vote.target) + 1)
        }
    }
}

extension DecisionForest {
    enum Aggregate: Int {
        case average, sum, min, max

        init(_ call: Call) throws {
            let name = try call.string("aggregate_function", "SUM")
            switch name {
            case "AVERAGE": self = .average
            case "SUM": self = .sum
            case "MIN": self = .min
            case "MAX": self = .max
            default: throw ModelError(.invalidGraph, "'aggregate_function' is '\(printable(name))'; AVERAGE, SUM, MIN or MAX is needed")
            }
        }
    }

    /// What the trees say of each row.
    struct Scores {
        let targets: Int
        /// [rows, targets]
        let values: NewElements<T>
        /// The same shape: 1 where some tree voted.
        let voted: NewElements<UInt8>
    }

    /// Votes of all trees for each row and target. Averages are over all trees.
    func scores(_ x: FeatureMatrix<T>, targets: Int, _ aggregate: Aggregate, _ call: Call) throws -> Scores {
        guard featureCount <= x.columns else {
            throw ModelError(.invalidGraph, "a node reads feature \(featureCount - 1), the input has \(x.columns)")
        }
        guard targets > 0, targetCount <= targets else {
            throw ModelError(.invalidGraph, "has \(targets) targets or classes, a leaf votes for number \(targetCount - 1)")
        }
        let count = try call.room(for: [x.rows, targets], of: T.self == Double.self ? .double : .float)
        let result = Scores(targets: targets, values: try NewElements(count, filledWith: 0), voted: try NewElements(count, filledWith: 0))
        let (rows, columns) = (x.rows, x.columns)
        unsafe x.elements.withUnsafeBuffer { x in
            unsafe result.values.withUnsafeBuffer { values in
                unsafe result.voted.withUnsafeBuffer { voted in
                    for row in 0..<rows {
                        unsafe vote(
                            UnsafeBufferPointer(rebasing: x[row * columns..<(row + 1) * columns]), aggregate,
                            UnsafeMutableBufferPointer(rebasing: values[row * targets..<(row + 1) * targets]),
                            UnsafeMutableBufferPointer(rebasing: voted[row * targets..<(row + 1) * targets]))
                    }
                }
            }
        }
        return result
    }

    private func vote(
        _ row: UnsafeBufferPointer<T>, _ aggregate: Aggregate, _ values: UnsafeMutableBufferPointer<T>, _ voted: UnsafeMutableBufferPointer<UInt8>
    ) {
        for root in roots {
            let leaf = unsafe nodes[leaf(from: Int(root), row)]
            for vote in votes[Int(leaf.yes)..<Int(leaf.no)] {
                let target = Int(vote.target)
                switch aggregate {
                case .sum, .average: unsafe values[target] += vote.weight
                case .min: if unsafe voted[target] == 0 || vote.weight < values[target] { unsafe values[target] = vote.weight }
                case .max: if unsafe voted[target] == 0 || vote.weight > values[target] { unsafe values[target] = vote.weight }
                }
                unsafe voted[target] = 1
            }
        }
        guard aggregate == .average else { return }
        for target in values.indices { unsafe values[target] /= T(roots.count) }
    }

    /// A NaN is in no relation but "not equal"; where it goes otherwise says `missingIsTrue`.
    private func leaf(from root: Int, _ row: UnsafeBufferPointer<T>) -> Int {
        unsafe nodes.withUnsafeBufferPointer { nodes in
            var index = root
            while true {
                let node = unsafe nodes[index]
                if node.mode == .leaf { return index }
                let x = unsafe row[Int(node.feature)]
                let isTrue =
                    switch node.mode {
                    case .lessOrEqual: x <= node.threshold
                    case .less: x < node.threshold
                    case .greaterOrEqual: x >= node.threshold
                    case .greater: x > node.threshold
                    case .equal: x == node.threshold
                    case .notEqual: x != node.threshold
                    case .member: isMember(x, of: sets[index])
                    case .leaf: false
                    }
                index = Int(isTrue || (node.missingIsTrue && x.isNaN) ? node.yes : node.no)
            }
        }
    }

    private func isMember(_ x: T, of set: Range<Int>) -> Bool {
        var low = set.lowerBound, high = set.upperBound
        while low < high {
            let middle = low + (high - low) / 2
            if members[middle] < x { low = middle + 1 } else { high = middle }
        }
        return low < set.upperBound && members[low] == x
    }
}
