internal import CSystem

/// Bytes of this process that are resident; 0 where the system does not tell.
package struct ResidentMemory: Sendable {
    package let now: Int
    /// The most so far.
    package let peak: Int

    package init() {
        var now: Int64 = 0, peak: Int64 = 0
        unsafe thimble_memory_in_use(&now, &peak)
        (self.now, self.peak) = (Int(now), Int(peak))
    }
}
