internal import Tensors

/// The attributes `nodes_…` of TreeEnsembleClassifier and TreeEnsembleRegressor and the votes of their leaves.
struct TreeAttributes<T: Element & BinaryFloatingPoint> {
    /// Names of the votes' attributes begin with it: `class` or `target`.
    let prefix: String
    let call: Call

    /// The numbers of FLOATS attribute `name`, or of TENSOR attribute `name` + `_as_tensor`.
    func values(_ name: String) throws -> [T] {
        if let floats = try call.floats(Name(name)), !floats.isEmpty { return floats.map { T($0) } }
        guard let tensor = try call.tensor(Name(name + "_as_tensor")) else { return [] }
        return try within("attribute '\(name)_as_tensor'") { Array(try tensor.numbers(as: T.self, "it")) }
    }

    private func ints(_ name: String, _ count: Int) throws -> [Int] {
        let values = try call.ints(Name(name)) ?? []
        guard values.count == count else { throw ModelError(.invalidGraph, "'\(name)' has \(values.count) numbers, \(count) are needed") }
        return values
    }

    func forest() throws -> DecisionForest<T> {
        let trees = try call.ints("nodes_treeids") ?? []
        let index = try NodeIndex(trees: trees, nodes: ints("nodes_nodeids", trees.count))
        return try DecisionForest(nodes: nodes(index), roots: index.roots, votes: votes(index))
    }

    private func nodes(_ index: NodeIndex) throws -> [DecisionForest<T>.Node] {
        let count = index.trees.count
        let modes = try call.strings("nodes_modes") ?? []
        let thresholds = try values("nodes_values")
        let missing = try call.ints("nodes_missing_value_tracks_true") ?? []
        let (features, yes, no) = try (ints("nodes_featureids", count), ints("nodes_truenodeids", count), ints("nodes_falsenodeids", count))
        guard modes.count == count, thresholds.count == count, missing.isEmpty || missing.count == count else {
            throw ModelError(
                .invalidGraph, "has \(count) nodes, \(modes.count) modes, \(thresholds.count) values and \(missing.count) ways of missing values; as many of each are needed")
        }
        let known = Self.modes
        return try (0..<count).map { i in
            guard let mode = known[modes[i]] else {
                throw ModelError(.invalidGraph, "the mode of node \(i) is '\(printable(utf8: modes[i]))'; LEAF or a BRANCH_… is needed")
            }
            guard mode != .leaf else { return DecisionForest<T>.Node(mode: .leaf) }
            guard let feature = Int32(exactly: features[i]) else { throw ModelError(.invalidGraph, "node \(i) reads feature \(features[i])") }
            return try DecisionForest<T>.Node(
                mode: mode, missingIsTrue: !missing.isEmpty && missing[i] != 0, feature: feature,
                yes: Int32(index.find(index.trees[i], yes[i])), no: Int32(index.find(index.trees[i], no[i])), threshold: thresholds[i])
        }
    }

    private static var modes: [[UInt8]: DecisionForest<T>.Mode] {
        let names = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"]
        var modes: [[UInt8]: DecisionForest<T>.Mode] = [:]
        for (number, name) in names.enumerated() where name != "BRANCH_MEMBER" { modes[Array(name.utf8)] = .init(rawValue: UInt8(number)) }
        return modes
    }

    private func votes(_ index: NodeIndex) throws -> [(node: Int, vote: DecisionForest<T>.Vote)] {
        let targets = try call.ints(Name(prefix + "_ids")) ?? []
        let (trees, nodes) = try (ints(prefix + "_treeids", targets.count), ints(prefix + "_nodeids", targets.count))
        let weights = try values(prefix + "_weights")
        guard weights.count == targets.count else {
            throw ModelError(.invalidGraph, "'\(prefix)_weights' has \(weights.count) numbers, \(targets.count) are needed")
        }
        return try targets.indices.map { i in
            guard let target = Int32(exactly: targets[i]), target >= 0, target < .max else {
                throw ModelError(.invalidGraph, "'\(prefix)_ids' has \(targets[i]), a number of a target or class is needed")
            }
            return try (index.find(trees[i], nodes[i]), .init(target: target, weight: weights[i]))
        }
    }
}

/// Where the nodes of each tree stand in the attributes.
struct NodeIndex {
    private struct Key: Hashable {
        let tree: Int
        let node: Int
    }

    let trees: [Int]
    private let nodes: [Int]
    /// The first node of each tree: its root.
    let roots: [Int]
    private var first: [Int: Int] = [:]
    /// Empty if the nodes of each tree are numbered as they stand, which exporters do.
    private var places: [Key: Int] = [:]

    init(trees: [Int], nodes: [Int]) throws {
        (self.trees, self.nodes) = (trees, nodes)
        var roots: [Int] = [], isInOrder = true
        for i in trees.indices {
            if i > 0, trees[i] == trees[i - 1] {
                if nodes[i - 1] == .max || nodes[i] != nodes[i - 1] + 1 { isInOrder = false }
            } else if first[trees[i]] == nil {
                first[trees[i]] = i
                roots.append(i)
                if nodes[i] != 0 { isInOrder = false }
            } else {
                isInOrder = false
            }
        }
        self.roots = roots
        guard !isInOrder else { return }
        for i in trees.indices {
            guard places.updateValue(i, forKey: Key(tree: trees[i], node: nodes[i])) == nil else {
                throw ModelError(.invalidGraph, "tree \(trees[i]) has two nodes \(nodes[i])")
            }
        }
    }

    func find(_ tree: Int, _ node: Int) throws -> Int {
        if !places.isEmpty {
            if let place = places[Key(tree: tree, node: node)] { return place }
        } else if let start = first[tree], node >= 0, node < trees.count - start, trees[start + node] == tree {
            return start + node
        }
        throw ModelError(.invalidGraph, "names node \(node) of tree \(tree), which is not there")
    }
}
