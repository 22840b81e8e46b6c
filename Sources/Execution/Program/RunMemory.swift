internal import Tensors

/// The memory of one run: values, with weights that are made for one step, and what kernels need while they work, side by side in large pages.
struct RunMemory {
    /// Of any content, and what of the last large page nobody else uses.
    let whole: OwnedMemory
    let arena: OwnedMemory
    /// One part after the other for so many threads, apart by `scratchStride`.
    let scratch: OwnedMemory
    let scratchStride: Int

    init(arena: Int, scratch: Int, _ run: Run) throws {
        scratchStride = (scratch + 127) / 64 * 64
        guard let scratchBytes = checkedMultiply(scratchStride, run.threads), let all = checkedAdd((arena + 63) / 64 * 64, scratchBytes)
        else { throw ModelError(.limit, "there is no memory for \(run.threads) threads") }
        whole = try run.packs.rest(all) ?? OwnedMemory(lasting: OwnedMemory.lastingBytes(all))
        self.arena = OwnedMemory(0..<arena, of: whole)
        self.scratch = OwnedMemory(all - scratchBytes..<all, of: whole)
    }
}
