internal import Tensors

/// The part of a histogram's values that codes should span.
struct RangeSearch {
    let histogram: ActivationHistogram

    /// The grid of a method that is not `auto`.
    func grid(_ method: ActivationOptions.Range, _ elementType: ElementType) -> ActivationGrid {
        guard !histogram.isEmpty else { return ActivationGrid(low: 0, high: 0, elementType) }
        let all = (low: histogram.least, high: histogram.greatest)
        let range: (low: Float, high: Float) = switch method {
        case .auto, .minmax: all
        case .percentile(let share): percentile(share)
        case .entropy: EntropyRange(histogram).range()
        case .mse: MSERange(histogram, elementType).range()
        }
        // Ends of bins reach a little further than the values.
        return ActivationGrid(low: max(range.low, all.low), high: min(range.high, all.high), elementType)
    }

    /// Leaves out (100 − share) % of the values that are not 0: half at either end, or all at the one that there is.
    private func percentile(_ share: Double) -> (low: Float, high: Float) {
        let bins = histogram.bins, total = Double(bins.reduce(0, +))
        guard total > 0 else { return (0, 0) }
        let isTwoSided = histogram.least < 0 && histogram.greatest > 0, dropped = total * (100 - share) / 100 / (isTwoSided ? 2 : 1)
        var low = histogram.least, high = histogram.greatest
        if histogram.least < 0 {
            var sum = 0.0
            for bin in bins.indices {
                sum += Double(bins[bin])
                if sum > dropped {
                    low = Float(Double(bin - ActivationHistogram.binsOnASide) * histogram.width)
                    break
                }
            }
        }
        if histogram.greatest > 0 {
            var sum = 0.0
            for bin in bins.indices.reversed() {
                sum += Double(bins[bin])
                if sum > dropped {
                    high = Float(Double(bin + 1 - ActivationHistogram.binsOnASide) * histogram.width)
                    break
                }
            }
        }
        return (min(low, 0), max(high, 0))
    }
}
