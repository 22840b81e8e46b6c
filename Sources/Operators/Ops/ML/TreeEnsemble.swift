package import Tensors

package enum TreeEnsemble: Inferring, Runnable {
    package static let name: Name = "TreeEnsemble"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let targets = try call.int("n_targets").map(Dim.value)
        return [Fact(try call.type(0), [try call.rows(), targets ?? .unknown])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        return x.elementType == .double ? try run(x, call, Double.self) : try run(x, call, Float.self)
    }

    private static func run<T: Element & BinaryFloatingPoint>(_ x: Tensor, _ call: Call, _: T.Type) throws -> [Value?] {
        guard [.float, .double, .float16].contains(x.elementType) else {
            throw ModelError(.invalidGraph, "the input is \(x.elementType); FLOAT, DOUBLE or FLOAT16 is needed")
        }
        let forest: DecisionForest<T> = try forest(call)
        let targets = try call.int("n_targets") ?? max(1, forest.targetCount)
        guard let aggregate = DecisionForest<T>.Aggregate(rawValue: try call.int("aggregate_function", 1)) else {
            throw ModelError(.invalidGraph, "'aggregate_function' is \(try call.int("aggregate_function", 1)), 0 to 3 is needed")
        }
        let transform = try PostTransform(number: call.int("post_transform", 0))
        let matrix = try FeatureMatrix<T>(x)
        let scores = try forest.scores(matrix, targets: targets, aggregate, call).values
        transform.apply(to: scores, width: targets)
        let dims = [matrix.rows, targets]
        if let floats = scores as? NewElements<Float> { return [.tensor(try .rounding(floats, to: x.elementType, dims))] }
        return [.tensor(scores.tensor(.double, dims))]
    }

    private static func numbers<T: Element & BinaryFloatingPoint>(_ call: Call, _ name: Name) throws -> [T] {
        let tensor = try call.required(name, call.tensor(name))
        return try within("attribute '\(name)'") { Array(try tensor.numbers(as: T.self, "it")) }
    }

    private static func ints(_ call: Call, _ name: Name, _ count: Int) throws -> [Int] {
        let values = try call.required(name, call.ints(name))
        guard values.count == count else { throw ModelError(.invalidGraph, "'\(name)' has \(values.count) numbers, \(count) are needed") }
        return values
    }

    /// The leaves stand behind the inner nodes.
    private static func forest<T: Element & BinaryFloatingPoint>(_ call: Call) throws -> DecisionForest<T> {
        let modes = try modes(call, T.self)
        let weights: [T] = try numbers(call, "leaf_weights")
        let leaves = DecisionForest<T>.Node(mode: .leaf)
        let nodes = try innerNodes(call, modes, leaves: weights.count) + Array(repeating: leaves, count: weights.count)
        let targets = try ints(call, "leaf_targetids", weights.count)
        let votes = try weights.indices.map { i -> (node: Int, vote: DecisionForest<T>.Vote) in
            guard let target = Int32(exactly: targets[i]), target >= 0, target < .max else {
                throw ModelError(.invalidGraph, "'leaf_targetids' has \(targets[i]), a number of a target is needed")
            }
            return (modes.count + i, .init(target: target, weight: weights[i]))
        }
        let roots = try call.required("tree_roots", call.ints("tree_roots"))
        for root in roots where root < 0 || root >= modes.count {
            throw ModelError(.invalidGraph, "'tree_roots' has \(root), there are \(modes.count) nodes")
        }
        var forest = try DecisionForest(nodes: nodes, roots: roots, votes: votes)
        let hasSets = modes.contains(.member)
        if try call.tensor("membership_values") != nil {
            try forest.addSets(numbers(call, "membership_values"))
        } else if hasSets {
            throw ModelError(.invalidGraph, "has nodes of mode BRANCH_MEMBER; 'membership_values' is needed")
        }
        return forest
    }

    private static func modes<T>(_ call: Call, _: T.Type) throws -> [DecisionForest<T>.Mode] {
        let tensor = try call.required("nodes_modes", call.tensor("nodes_modes"))
        guard tensor.elementType == .uint8 else { throw ModelError(.invalidGraph, "'nodes_modes' is \(tensor.elementType), UINT8 is needed") }
        return try tensor.elements(as: UInt8.self).map { number in
            guard let mode = DecisionForest<T>.Mode(rawValue: number), mode != .leaf else {
                throw ModelError(.invalidGraph, "'nodes_modes' has \(number), 0 to 6 is needed")
            }
            return mode
        }
    }

    private static func innerNodes<T>(_ call: Call, _ modes: [DecisionForest<T>.Mode], leaves: Int) throws -> [DecisionForest<T>.Node] {
        let count = modes.count
        let thresholds: [T] = try numbers(call, "nodes_splits")
        guard thresholds.count == count else {
            throw ModelError(.invalidGraph, "'nodes_splits' has \(thresholds.count) numbers, \(count) are needed")
        }
        let missing = try call.ints("nodes_missing_value_tracks_true") ?? []
        if !missing.isEmpty { _ = try ints(call, "nodes_missing_value_tracks_true", count) }
        let features = try ints(call, "nodes_featureids", count)
        let yes = try (ints(call, "nodes_truenodeids", count), ints(call, "nodes_trueleafs", count))
        let no = try (ints(call, "nodes_falsenodeids", count), ints(call, "nodes_falseleafs", count))
        func place(_ ids: [Int], _ areLeaves: [Int], _ i: Int) throws -> Int32 {
            let isLeaf = areLeaves[i] != 0
            guard ids[i] >= 0, ids[i] < (isLeaf ? leaves : count), let place = Int32(exactly: ids[i] + (isLeaf ? count : 0)) else {
                throw ModelError(.invalidGraph, "node \(i) leads to \(isLeaf ? "leaf" : "node") \(ids[i]), there are \(isLeaf ? leaves : count)")
            }
            return place
        }
        return try (0..<count).map { i in
            guard let feature = Int32(exactly: features[i]) else { throw ModelError(.invalidGraph, "node \(i) reads feature \(features[i])") }
            return try DecisionForest<T>.Node(
                mode: modes[i], missingIsTrue: !missing.isEmpty && missing[i] != 0, feature: feature,
                yes: place(yes.0, yes.1, i), no: place(no.0, no.1, i), threshold: thresholds[i])
        }
    }
}
