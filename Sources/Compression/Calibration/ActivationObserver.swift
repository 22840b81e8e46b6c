internal import Execution
internal import ModelGraph
internal import Operators
internal import Tensors

/// What the weights of a model are multiplied with, summed up.
struct ActivationSums {
    private(set) var moments: [Wanted.Source: [MomentSums]] = [:]
    /// Of the samples that are held out.
    private(set) var heldOut: [Wanted.Source: [MomentSums]] = [:]
    private(set) var lookups: [Wanted.Source: LookupCounts] = [:]

    func has(_ source: Wanted.Source) -> Bool { moments[source] != nil || lookups[source] != nil }

    mutating func begin(_ source: Wanted.Source, holdsOut: Bool) {
        if source.isLookup {
            lookups[source] = LookupCounts(rows: source.count)
            return
        }
        moments[source] = (0..<source.matrices).map { _ in MomentSums(count: source.count) }
        if holdsOut { heldOut[source] = (0..<source.matrices).map { _ in MomentSums(count: source.count) } }
    }

    mutating func look(up indices: Tensor, _ source: Wanted.Source) throws {
        guard indices.elementType == .int64 || indices.elementType == .int32 else { return }
        for value in try indices.integers("an index") { lookups[source]?.add(Int(clamping: value)) }
    }

    mutating func add(_ other: ActivationSums) {
        for (source, sums) in other.moments { for (index, each) in sums.enumerated() { moments[source]?[index].add(each) } }
        for (source, sums) in other.heldOut { for (index, each) in sums.enumerated() { heldOut[source]?[index].add(each) } }
        for (source, counts) in other.lookups { lookups[source]?.add(counts) }
    }
}

/// Sums up values as nodes make them. For one thread.
final class ActivationObserver: RunObserver, @unchecked Sendable {
    var sums = ActivationSums()
    private var users: [Name: [Wanted.Source]] = [:]
    private var failure: (any Error)?
    private let samples: Int
    private var turn = 0

    init(_ wanted: [Wanted], _ names: [ActivationTaps.Key: [Name]], samples: Int) {
        self.samples = samples
        for each in wanted where !sums.has(each.source) {
            sums.begin(each.source, holdsOut: samples >= Calibration.leastSamples)
            for key in each.source.keys {
                for name in names[key] ?? [] { users[name, default: []].append(each.source) }
            }
        }
    }

    func begin(_ sample: Int, _ inputs: [Name: Value]) {
        turn = sample
        for (name, value) in inputs { see(name, value) }
    }

    func ran(_ node: Node, outputs: [Value?], seconds: Double) {
        for (name, value) in zip(node.outputs, outputs) {
            if let value { see(name, value) }
        }
    }

    func check() throws { if let failure { throw failure } }

    private func see(_ name: Name, _ value: Value) {
        guard let sources = users[name], case .tensor(let tensor) = value else { return }
        do {
            for source in sources { try add(tensor, source) }
        } catch {
            failure = failure ?? error
        }
    }

    private func add(_ tensor: Tensor, _ source: Wanted.Source) throws {
        guard let count = tensor.elementCount, count > 0 else { return }
        if source.isLookup { return try sums.look(up: tensor, source) }
        let isHeldOut = Calibration.isHeldOut(turn, of: samples)
        guard tensor.elementType.isQuantizable, let sums = isHeldOut ? sums.heldOut[source] : sums.moments[source] else { return }
        if let windows = source.windows {
            // Enough windows of all samples together; more only take time.
            let most = max(64, max(8 * source.count, 16384) / max(1, samples))
            try windows.add(tensor, to: sums, most: most, turn: turn)
        } else if count % source.count == 0, tensor.dims.last == source.count {
            try unsafe tensor.floats("an activation").withUnsafeBuffer { unsafe sums[0].add($0) }
        }
    }
}
