/// The threshold whose codes keep most of the distribution's information (Migacz, "8-bit Inference with TensorRT", GTC 2017).
///
/// For a threshold of i bins, P is the histogram up to it with all that lies beyond in the last bin, and Q the same bins without the rest, merged
/// to as many as there are codes, each spread evenly over those of its bins that are not empty. The least divergence Σ p · log(p / q) wins. Values
/// of both signs are taken by their magnitude and have half of the codes. Zeros do not count: they are exact with any threshold.
struct EntropyRange {
    private let histogram: ActivationHistogram

    init(_ histogram: ActivationHistogram) {
        self.histogram = histogram
    }

    /// Bins of magnitudes, as many as in the paper.
    static let binCount = 2048

    func range() -> (low: Float, high: Float) {
        let isTwoSided = histogram.least < 0 && histogram.greatest > 0, levels = isTwoSided ? 128 : 256
        let greatest = Double(max(-histogram.least, histogram.greatest))
        guard greatest > 0 else { return (0, 0) }
        var magnitudes = [Double](repeating: 0, count: Self.binCount)
        for (center, count) in histogram.occupied {
            magnitudes[min(Self.binCount - 1, Int(abs(center) / greatest * Double(Self.binCount)))] += count
        }
        let bins = Self.threshold(magnitudes, levels: levels)
        let threshold = Float(greatest * Double(bins) / Double(Self.binCount))
        return (max(histogram.least, -threshold), min(histogram.greatest, threshold))
    }

    /// How many bins lie below the best threshold.
    static func threshold(_ bins: [Double], levels: Int) -> Int {
        var best = (bins: bins.count, divergence: Double.infinity)
        var beyond = bins.reduce(0, +) - bins.prefix(levels).reduce(0, +)
        for count in levels...bins.count {
            if count > levels { beyond -= bins[count - 1] }
            let divergence = divergence(bins, count, levels: levels, beyond: max(0, beyond))
            if divergence < best.divergence { best = (count, divergence) }
        }
        return best.bins
    }

    /// Of Q from P; both are scaled to sum to 1. Infinite where P has something and Q nothing.
    private static func divergence(_ bins: [Double], _ count: Int, levels: Int, beyond: Double) -> Double {
        var sumP = 0.0, sumQ = 0.0, cross = 0.0
        for index in 0..<count { sumQ += bins[index] }
        sumP = sumQ + beyond
        guard sumQ > 0 else { return .infinity }
        for level in 0..<levels {
            let first = level * count / levels, last = (level + 1) * count / levels
            var mass = 0.0, filled = 0.0
            for index in first..<last where bins[index] > 0 {
                mass += bins[index]
                filled += 1
            }
            let isLast = level == levels - 1
            guard filled > 0 else {
                if isLast, beyond > 0 { return .infinity }
                continue
            }
            let q = mass / filled / sumQ
            for index in first..<last {
                var p = bins[index]
                if index == count - 1, beyond > 0 {
                    if p == 0 { return .infinity }
                    p += beyond
                }
                if p > 0 { cross += p / sumP * (p / sumP / q).logarithm10 }
            }
        }
        return cross
    }
}
