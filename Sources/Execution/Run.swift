internal import ModelGraph
internal import Operators
internal import Tensors

/// One run of a session: its counters, its random state, its limits.
final class Run: RunEnvironment, @unchecked Sendable {
    let threads: Int
    /// The session's threads and packed weights.
    private let shared: SessionResources
    private let options: Session.Options
    private let lock = Lock()
    private var trips = 0
    private var random: UInt64

    init(_ options: Session.Options, _ shared: SessionResources) {
        self.options = options
        self.shared = shared
        threads = max(1, options.threads)
        random = options.seed
    }

    var pool: OpaquePointer? { unsafe shared.pool }
    var packs: PackCache { shared.packs }
    var execution: Session.Execution { options.execution }
    /// The session's one run.
    var isOnly: Bool { options.runsOnce }

    /// Nodes with subgraphs get a `NodeEnvironment`.
    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] {
        throw ModelError(.invalidGraph, "attribute '\(subgraph)' is missing")
    }

    func countTrip() throws {
        try lock.locked {
            trips += 1
            guard trips <= options.maximumTrips else {
                throw ModelError(.limit, "the loops of this run made more than \(options.maximumTrips) trips, the limit; does this loop end? Raise the limit (--max-trips) if it does")
            }
        }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    func nextRandom() -> UInt64 {
        lock.locked {
            random &+= 0x9e37_79b9_7f4a_7c15
            var z = random
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    func checkAllocation(_ byteCount: Int) throws {
        guard byteCount <= options.maximumTensorBytes else {
            throw ModelError(.limit, "a tensor would take \(printable(bytes: byteCount)), the limit is \(printable(bytes: options.maximumTensorBytes)) (--max-tensor)")
        }
    }
}

/// The environment of one node that has subgraphs. The frame around it does not change while the node runs.
final class NodeEnvironment: RunEnvironment, @unchecked Sendable {
    private let frame: Frame
    private let subgraphs: [Name: Plan]
    var threads: Int { frame.run.threads }

    init(_ frame: Frame, _ subgraphs: [Name: Plan]) {
        self.frame = frame
        self.subgraphs = subgraphs
    }

    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] {
        guard let plan = subgraphs[subgraph] else { throw ModelError(.invalidGraph, "attribute '\(subgraph)' is missing") }
        return try within("graph '\(subgraph)'") {
            try plan.checkCount(inputs.count)
            return try plan.execute(inputs: inputs, captured: frame.captured(by: plan), run: frame.run)
        }
    }

    func countTrip() throws { try frame.run.countTrip() }
    func nextRandom() -> UInt64 { frame.run.nextRandom() }
    func checkAllocation(_ byteCount: Int) throws { try frame.run.checkAllocation(byteCount) }
}
