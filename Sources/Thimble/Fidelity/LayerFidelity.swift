internal import Execution
internal import ModelGraph
public import Tensors

/// How far the values between the nodes of two models lie apart.
public struct LayerFidelity: Sendable {
    public struct Layer: Sendable {
        public var name: Name
        public var candidateName: Name
        /// The node that makes it in the reference: its operator, and how messages call it.
        public var op: Name
        public var node: String
        /// Otherwise by its place between others.
        public var isMatchedByName: Bool
        /// The candidate has another node there, other constants, or something in between; otherwise it only passes on or amplifies noise.
        public var isChanged: Bool
        /// Over all samples together.
        public var error: ValueError
        /// The noise that came in: the most of what the node reads, as far as that was compared.
        public var noiseBefore: Double

        /// What the node itself adds.
        public var addedNoise: Double { max(0, error.noise - noiseBefore) }
    }

    /// In the order of the reference's nodes.
    public var layers: [Layer] = []
    /// Values that have no partner in the candidate, or one of another shape or type.
    public var unmatched = 0
    /// Below this a layer counts as parted, in dB.
    public var limit = 60.0

    /// Where the two part.
    public var first: Layer? { layers.first { $0.error.brokenCount > 0 || ($0.error.sqnrDecibels ?? .infinity) < limit } }
    /// The least SQNR first.
    public var worst: [Layer] { ranked(\.error.noise) }
    /// The changed layers that add most noise of their own, first the one that hurts most.
    public var hurting: [Layer] { ranked(\.addedNoise).filter { $0.isChanged && ($0.addedNoise > 0 || $0.error.brokenCount > 0) } }

    /// An error without a signal says nothing of how much it hurts.
    private func ranked(_ key: (Layer) -> Double) -> [Layer] {
        let candidates = layers.enumerated().filter { $0.element.error.brokenCount > 0 || $0.element.error.sqnrDecibels != nil }
        return candidates.sorted { a, b in
            let x = (a.element.error.brokenCount, key(a.element)), y = (b.element.error.brokenCount, key(b.element))
            return x != y ? x > y : a.offset < b.offset
        }.map(\.element)
    }
}

/// Collects a `LayerFidelity`: keeps what the reference makes in one sample, and drops it as the candidate makes the same.
final class LayerMeter {
    private let pairs: [LayerPairs.Pair]
    private let unmatched: Int
    private let nodes: [Node]
    private var sums: [ErrorSums?]
    private let limit: Double

    init(_ reference: Model, _ candidate: Model, limit: Double) {
        let found = LayerPairs(reference.graph, candidate.graph)
        (pairs, unmatched, nodes) = (found.pairs.sorted { $0.node < $1.node }, found.unmatched, found.nodes)
        sums = Array(repeating: ErrorSums(), count: pairs.count)
        self.limit = limit
    }

    /// The observers of one sample: first the reference runs, then the candidate.
    func observers() -> (reference: Recorder, candidate: Recorder) {
        let kept = Recorder(Dictionary(pairs.enumerated().map { ($1.reference, $0) }) { first, _ in first })
        let other = Recorder(Dictionary(pairs.enumerated().map { ($1.candidate, $0) }) { first, _ in first }) { [self] index, value in
            guard let original = kept.values.removeValue(forKey: index) else { return }
            try add(original, value, at: index)
        }
        return (kept, other)
    }

    private func add(_ a: Value, _ b: Value, at index: Int) throws {
        guard case .tensor(let x) = a, case .tensor(let y) = b, x.dims == y.dims, x.elementType.isNumber, y.elementType.isNumber,
            x.elementType.isFloat == y.elementType.isFloat
        else {
            sums[index] = nil
            return
        }
        try sums[index]?.add(x, y)
    }

    var fidelity: LayerFidelity {
        var result = LayerFidelity(limit: limit)
        // What is not compared passes on the noise of what it is made of.
        var noise: [Name: Double] = [:], next = 0
        for (index, node) in nodes.enumerated() {
            let before = node.inputs.reduce(0) { max($0, noise[$1] ?? 0) }
            for name in node.outputs { noise[name] = before }
            while next < pairs.count, pairs[next].node == index {
                let pair = pairs[next]
                next += 1
                guard let error = sums[next - 1]?.result, error.elementCount > 0 else {
                    result.unmatched += 1
                    continue
                }
                if error.noise.isFinite { noise[pair.reference] = error.noise }
                result.layers.append(
                    .init(
                        name: pair.reference, candidateName: pair.candidate, op: node.opType ?? "", node: node.label, isMatchedByName: pair.isByName,
                        isChanged: pair.isChanged, error: error, noiseBefore: before))
            }
        }
        result.unmatched += unmatched
        return result
    }
}

/// Watches a run for some values, known by name.
final class Recorder: RunObserver, @unchecked Sendable {
    private let wanted: [Name: Int]
    private let body: ((Int, Value) throws -> Void)?
    fileprivate(set) var values: [Int: Value] = [:]
    /// What went wrong while watching.
    private(set) var failure: (any Error)?

    /// Values are kept, or given to `body`.
    init(_ wanted: [Name: Int], body: ((Int, Value) throws -> Void)? = nil) {
        self.wanted = wanted
        self.body = body
    }

    func ran(_ node: Node, outputs: [Value?], seconds: Double) {
        for (name, value) in zip(node.outputs, outputs) {
            guard let index = wanted[name], let value else { continue }
            guard let body else {
                values[index] = value
                continue
            }
            do { try body(index, value) } catch { failure = failure ?? error }
        }
    }
}
