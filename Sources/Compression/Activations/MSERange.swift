internal import Tensors

/// The range with the least squared error: clipping of what lies beyond against the step of what lies within.
struct MSERange {
    private let histogram: ActivationHistogram
    private let elementType: ElementType

    init(_ histogram: ActivationHistogram, _ elementType: ElementType) {
        (self.histogram, self.elementType) = (histogram, elementType)
    }

    /// Shrinks one end after the other by sixteenths of an octave, then by 64ths around the best, as long as that helps.
    func range() -> (low: Float, high: Float) {
        let occupied = histogram.occupied
        var best = (low: min(histogram.least, 0), high: max(histogram.greatest, 0))
        func error(_ low: Float, _ high: Float) -> Double {
            ActivationHistogram.noise(occupied, ActivationGrid(low: low, high: high, elementType))
        }
        var least = error(best.low, best.high)
        let full = best
        func look(_ low: Float, _ high: Float) {
            let error = error(low, high)
            if error < least { (least, best) = (error, (low, high)) }
        }
        // Both together first: where outliers lie at both ends, neither alone helps.
        for step in 1...Self.octaves * 4 {
            let factor = Self.power(-Double(step) / 4)
            look(full.low * factor, full.high * factor)
        }
        for fineness in [4.0, 16, 64] {
            for _ in 0..<2 {
                let middle = best
                for step in -8...8 where step != 0 {
                    let factor = Self.power(Double(step) / fineness)
                    if middle.high > 0 { look(best.low, min(full.high, middle.high * factor)) }
                }
                for step in -8...8 where step != 0 {
                    let factor = Self.power(Double(step) / fineness)
                    if middle.low < 0 { look(max(full.low, middle.low * factor), best.high) }
                }
            }
        }
        return best
    }

    private static let octaves = 10
    private static func power(_ exponent: Double) -> Float { Float((exponent * 2.0.logarithm10).powerOfTen) }
}
