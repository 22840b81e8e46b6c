internal import CCompression

/// Steps of the rows of a table: narrow for those that are looked up often.
struct RowSteps: Sendable {
    private let steps: [Float]
    private let storage: ScaleStorage
    private let fitsBytes: Bool

    /// `base` is the step of a row whose factor is 1.
    init(base: Float, factors: [Float], largest: Float, storage: ScaleStorage) {
        steps = factors.map { base * $0 }
        self.storage = storage
        fitsBytes = largest <= 127 * (steps.max() ?? base)
    }

    /// Codes of a table whose common rows fit 8 bits do so in all rows.
    func grid(_ row: Int, _ range: thimble_range) -> thimble_grid {
        let largest = max(-range.low, range.high)
        return thimble_grid(scale: storage.fit(max(steps[row], largest / (fitsBytes ? 127 : 32000))), zero: 0, low: -32767, high: 32767)
    }
}
