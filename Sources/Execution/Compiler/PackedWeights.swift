internal import Tensors

/// Weights as a kernel reads them. Made by the first step that asks for them, so that it finds them in a near cache, or before by all threads of a session.
///
/// `PackCache.making` is to be locked for all but `memory`; who knows that they are made reads that without.
final class PackedWeights: @unchecked Sendable {
    /// Fills memory, which has any content, with them.
    typealias Fill = (OwnedMemory, PackBuffers) throws -> Void

    /// Where they are to lie.
    let memory: OwnedMemory
    /// Nil when they are made.
    private var fill: Fill?
    /// Several steps read them, perhaps of several programs: they are worth keeping.
    var isReused = false

    /// `fill`: nil where they are in `memory` already.
    init(_ memory: OwnedMemory, fill: Fill? = nil) {
        self.memory = memory
        self.fill = fill
    }

    var isMade: Bool { fill == nil }
    /// Bytes of them, in whole lines of a cache.
    var lineBytes: Int { unsafe (memory.bytes.count + 63) / 64 * 64 }

    func make(_ buffers: PackBuffers) throws {
        guard let fill else { return }
        try fill(memory, buffers)
        self.fill = nil
    }

    /// In memory that is not their own, for one use.
    func make(in other: OwnedMemory, _ buffers: PackBuffers) throws { try fill?(other, buffers) }
}
