internal import Tensors

/// The memory of one run: values, what kernels need while they work, and weights that are made for one step, side by side in large pages.
struct RunMemory {
    /// Of any content, and what of the last large page nobody else uses.
    let whole: OwnedMemory
    let arena: OwnedMemory
    /// One part after the other for so many threads, apart by `scratchStride`.
    let scratch: OwnedMemory
    let scratchStride: Int
    /// For weights, and behind them for what they are made of; nil where they are kept.
    let passing: OwnedMemory?

    /// `weights`: bytes of the largest that are made for one step; 0 if there are none.
    init(arena: Int, scratch: Int, weights: Int, _ run: Run) throws {
        try run.checkAllocation(arena)
        scratchStride = (scratch + 127) / 64 * 64
        guard let scratchBytes = checkedMultiply(scratchStride, run.threads), let end = checkedAdd((arena + 63) / 64 * 64, scratchBytes),
            let all = checkedAdd(end, weights > 0 ? weights + PackBuffers.byteCount : 0)
        else { throw ModelError(.limit, "there is no memory for \(run.threads) threads") }
        whole = try run.packs.rest(all) ?? OwnedMemory(lasting: OwnedMemory.lastingBytes(all))
        self.arena = OwnedMemory(0..<arena, of: whole)
        self.scratch = OwnedMemory(end - scratchBytes..<end, of: whole)
        passing = weights > 0 ? OwnedMemory(end..<all, of: whole) : nil
    }
}
