internal import Operators
internal import Tensors

/// The environment of nodes that are computed while a program is made. Their results lie side by side in large pages: there may be many of them,
/// each of its own memory, and the system would bring that page by page.
final class FoldingEnvironment: RunEnvironment, @unchecked Sendable {
    private let run: any RunEnvironment
    private let lock = Lock()
    private var pages = LargePages(pieceSize: OwnedMemory.largePage)

    init(_ run: any RunEnvironment) {
        self.run = run
    }

    var threads: Int { run.threads }
    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] { try run.run(subgraph, inputs: inputs) }
    func countTrip() throws { try run.countTrip() }
    func nextRandom() -> UInt64 { run.nextRandom() }
    func checkAllocation(_ byteCount: Int) throws { try run.checkAllocation(byteCount) }

    /// Small ones are not worth a share of a page that they may outlive alone.
    private static let fewestBytes = 1 << 14

    func memory(_ byteCount: Int) throws -> OwnedMemory {
        try checkAllocation(byteCount)
        if byteCount < Self.fewestBytes { return try OwnedMemory(byteCount: byteCount) }
        return try lock.locked { try pages.memory(byteCount) }
    }
}
