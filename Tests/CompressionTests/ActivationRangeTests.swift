import TestSupport
import Testing

@testable import Compression
@testable import Tensors

/// Histograms and ranges, judged by the values themselves.
@Suite struct ActivationRangeTests {
    private static func values(_ count: Int, seed: UInt64 = 3, outliers: Int = 0) -> [Float] {
        var random = SeededRandom(seed: seed)
        var values = (0..<count).map { _ in (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) } }
        for index in 0..<outliers { values[index * 7] = Float.random(in: 20..<40, using: &random) * (index % 2 == 0 ? 1 : -1) }
        return values
    }

    private static func histogram(_ values: [Float]) -> ActivationHistogram {
        var histogram = ActivationHistogram()
        values.withUnsafeBufferPointer { histogram.add($0) }
        return histogram
    }

    @Test func orderAndPartsDoNotMatter() {
        let values = Self.values(3000, outliers: 20), whole = Self.histogram(values)
        var parts = ActivationHistogram()
        for start in stride(from: 0, to: values.count, by: 500).reversed() { parts.add(Self.histogram(Array(values[start..<start + 500]))) }
        #expect(parts == whole)
        #expect(Self.histogram(values.reversed()) == whole)
        #expect(whole.least == values.min() && whole.greatest == values.max() && whole.count == 3000)
    }

    @Test func memoryDoesNotGrowWithTheSamples() {
        var histogram = ActivationHistogram()
        let before = histogram.bins.count
        for round in 0..<50 {
            let part = Self.values(400, seed: UInt64(round)).map { $0 * Float(1 << (round % 30)) }
            part.withUnsafeBufferPointer { histogram.add($0) }
        }
        #expect(histogram.bins.count == before && histogram.bins.capacity < 2 * before)
        #expect(histogram.count == 50 * 400)
    }

    @Test func everyValueLiesInItsBin() {
        // A width that doubles again and again, from one value on.
        let values: [Float] = [1e-20, 3e-9, -0.125, 0, 0, 7, -1000, 65504, 3e38, .leastNonzeroMagnitude]
        var histogram = ActivationHistogram()
        for value in values { [value].withUnsafeBufferPointer { histogram.add($0) } }
        #expect(histogram == Self.histogram(values))
        #expect(histogram.zeros == 2 && histogram.count == 10)
        #expect(3e38 < Double(ActivationHistogram.binsOnASide) * histogram.width)
        #expect(Double(ActivationHistogram.binsOnASide) * histogram.width / 2 <= 3e38)
        let odd = Self.histogram([1, .nan, .infinity])
        #expect(odd.oddCount == 2 && odd.count == 1)
        #expect(Self.histogram([.nan]).isEmpty)
    }

    @Test(arguments: [ElementType.int8, .uint8], [(-3, 5), (0, 6), (-0.001, 0.2), (-7, 0), (2, 9), (-9, -2), (0, 0)] as [(Float, Float)])
    func zeroIsAlwaysACode(type: ElementType, range: (Float, Float)) {
        let grid = ActivationGrid(low: range.0, high: range.1, type)
        #expect((grid.lowest...grid.highest).contains(grid.zero) && grid.scale > 0)
        let low = min(range.0, 0), high = max(range.1, 0)
        #expect(grid.range.low <= low + grid.scale && grid.range.high >= high - grid.scale)
        // Behind Relu and its like all codes are for what there is.
        if low == 0, high > 0 { #expect(grid.zero == grid.lowest) }
        if high == 0, low < 0 { #expect(grid.zero == grid.highest) }
    }

    @Test(arguments: [99.0, 99.9, 95])
    func percentilesAreThoseOfTheSortedValues(share: Double) {
        let values = Self.values(20000, outliers: 30), sorted = values.sorted()
        let grid = RangeSearch(histogram: Self.histogram(values)).grid(.percentile(share), .int8)
        let dropped = Int(Double(values.count) * (100 - share) / 200)
        let width = Float(Self.histogram(values).width)
        #expect(abs(grid.range.low - sorted[dropped]) <= 2 * width + grid.scale)
        #expect(abs(grid.range.high - sorted[values.count - 1 - dropped]) <= 2 * width + grid.scale)
        // Of one sign, all that is left out lies at one end; zeros do not count.
        let positive = values.map { max(0, $0) }, ordered = positive.filter { $0 > 0 }.sorted()
        let one = RangeSearch(histogram: Self.histogram(positive)).grid(.percentile(share), .uint8)
        #expect(one.zero == 0)
        #expect(abs(one.range.high - ordered[ordered.count - 1 - Int(Double(ordered.count) * (100 - share) / 100)]) <= 2 * width)
    }

    /// Squared error of quantizing the values themselves.
    private static func noise(_ values: [Float], _ grid: ActivationGrid) -> Double {
        values.reduce(0) { sum, value in
            let code = min(max((value / grid.scale).rounded(.toNearestOrEven) + Float(grid.zero), Float(grid.lowest)), Float(grid.highest))
            let error = Double(value) - Double((code - Float(grid.zero)) * grid.scale)
            return sum + error * error
        }
    }

    @Test(arguments: [0, 4, 200])
    func leastErrorIsTheLeastThatASearchFinds(outliers: Int) {
        let values = Self.values(4000, outliers: outliers), histogram = Self.histogram(values)
        let found = Self.noise(values, RangeSearch(histogram: histogram).grid(.mse, .int8))
        var least = Double.infinity
        for low in 0..<40 {
            for high in 0..<40 {
                let grid = ActivationGrid(low: histogram.least * Float(40 - low) / 40, high: histogram.greatest * Float(40 - high) / 40, .int8)
                least = min(least, Self.noise(values, grid))
            }
        }
        #expect(found <= least * 1.02, "\(found) against \(least)")
        #expect(found <= Self.noise(values, RangeSearch(histogram: histogram).grid(.minmax, .int8)) * 1.001)
        // What the histogram says of the error is what the values say.
        let grid = RangeSearch(histogram: histogram).grid(.mse, .int8)
        #expect(abs(histogram.noise(grid) / found - 1) < 0.02)
    }

    /// The divergence written down once more from its definition.
    private static func threshold(_ bins: [Double], _ levels: Int) -> Int {
        var best = (count: bins.count, value: Double.infinity)
        for count in levels...bins.count {
            var p = Array(bins[..<count])
            p[count - 1] += bins[count...].reduce(0, +)
            var q = [Double](repeating: 0, count: count)
            for level in 0..<levels {
                let range = level * count / levels..<(level + 1) * count / levels
                let filled = range.filter { bins[$0] > 0 }
                for index in filled { q[index] = range.reduce(0) { $0 + bins[$1] } / Double(filled.count) }
            }
            let (sumP, sumQ) = (p.reduce(0, +), q.reduce(0, +))
            var value = sumQ > 0 ? 0.0 : .infinity
            for index in 0..<count where p[index] > 0 {
                value += q[index] > 0 ? p[index] / sumP * (p[index] / sumP / (q[index] / sumQ)).logarithm10 : .infinity
            }
            if value < best.value { best = (count, value) }
        }
        return best.count
    }

    @Test func entropyFollowsItsDefinition() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<30 {
            let bins = (0..<40).map { _ in Bool.random(using: &random) ? 0 : Double(Int.random(in: 1..<1000, using: &random)) }
            #expect(EntropyRange.threshold(bins, levels: 8) == Self.threshold(bins, 8))
        }
        // Few values far out are not worth the codes between; an even distribution is.
        let clipped = RangeSearch(histogram: Self.histogram(Self.values(20000, outliers: 6))).grid(.entropy, .int8)
        #expect(clipped.range.high < 12 && clipped.range.high > 2)
        let even = (0..<25600).map { Float($0) / 100 + 0.005 }
        #expect(abs(RangeSearch(histogram: Self.histogram(even)).grid(.entropy, .uint8).range.high - 256) < 2)
    }

    @Test func rangesAreSpelledOneWay() {
        for text in ["auto", "minmax", "entropy", "mse", "percentile:99.9"] { #expect(ActivationOptions.Range(text)?.description == text) }
        #expect(ActivationOptions.Range("percentile") == .percentile(99.99))
        for text in ["", "percentile:", "percentile:nan", "percentile:20", "percentile:101", "kl"] { #expect(ActivationOptions.Range(text) == nil) }
    }
}
