/// How often a tensor had which values, in memory that does not depend on how many there were.
///
/// Bins are [k · w, (k + 1) · w) for k of −8,192 to 8,191, and w is a power of two: the smallest that reaches all values seen. Where a larger one
/// comes, w doubles and two bins become one. So the result does not depend on the order of the values, nor on how they were divided among histograms
/// that are then merged. Zeros, which every quantization keeps exactly, are counted for themselves.
struct ActivationHistogram: Sendable, Equatable {
    static let binsOnASide = 8192

    private(set) var bins = [UInt64](repeating: 0, count: 2 * binsOnASide)
    private(set) var zeros: UInt64 = 0
    private(set) var least: Float = .infinity
    private(set) var greatest: Float = -.infinity
    /// NaN and infinity.
    private(set) var oddCount: UInt64 = 0
    /// log2 of the width of a bin.
    private(set) var exponent = -140

    var count: UInt64 { zeros + bins.reduce(0, +) }
    var isEmpty: Bool { least > greatest }
    var width: Double { Double(sign: .plus, exponent: exponent, significand: 1) }

    /// The middle of a bin.
    func center(_ bin: Int) -> Double { (Double(bin - Self.binsOnASide) + 0.5) * width }

    mutating func add(_ values: UnsafeBufferPointer<Float>) {
        var low = least, high = greatest
        for index in values.indices {
            let value = unsafe values[index]
            guard value.isFinite else { continue }
            low = min(low, value)
            high = max(high, value)
        }
        guard low <= high else {
            oddCount += UInt64(values.count)
            return
        }
        (least, greatest) = (low, high)
        widen(toHold: max(-low, high))
        // Exact: a power of two. Halves of it where the whole is no binary32 number.
        let half = Float(sign: .plus, exponent: -exponent / 2, significand: 1), rest = Float(sign: .plus, exponent: -exponent - -exponent / 2, significand: 1)
        var odd: UInt64 = 0, nothing: UInt64 = 0
        unsafe bins.withUnsafeMutableBufferPointer { bins in
            for index in values.indices {
                let value = unsafe values[index]
                if value == 0 {
                    nothing += 1
                } else if value.isFinite {
                    let bin = Int((value * half * rest).rounded(.down)) + Self.binsOnASide
                    unsafe bins[min(max(bin, 0), 2 * Self.binsOnASide - 1)] += 1
                } else {
                    odd += 1
                }
            }
        }
        zeros += nothing
        oddCount += odd
    }

    mutating func add(_ other: ActivationHistogram) {
        guard !other.isEmpty else {
            oddCount += other.oddCount
            return
        }
        var other = other
        let wide = max(exponent, other.exponent)
        fold(to: wide)
        other.fold(to: wide)
        for bin in bins.indices { bins[bin] += other.bins[bin] }
        zeros += other.zeros
        oddCount += other.oddCount
        least = min(least, other.least)
        greatest = max(greatest, other.greatest)
    }

    private mutating func widen(toHold magnitude: Float) {
        // |value| < 2^(e + 1) for its exponent e, and there are 2^13 bins on a side.
        guard magnitude > 0 else { return }
        fold(to: max(exponent, Int(magnitude.exponent) + 1 - 13))
    }

    /// Bins of width 2^`target`, not below the present one.
    private mutating func fold(to target: Int) {
        let doublings = target - exponent
        guard doublings > 0 else { return }
        exponent = target
        guard bins.contains(where: { $0 > 0 }) else { return }
        var folded = [UInt64](repeating: 0, count: bins.count)
        for (bin, count) in bins.enumerated() where count > 0 {
            folded[((bin - Self.binsOnASide) >> min(doublings, 62)) + Self.binsOnASide] += count
        }
        bins = folded
    }
}

extension ActivationHistogram {
    /// Bins with something in them: the middle and how many.
    var occupied: [(center: Double, count: Double)] {
        bins.enumerated().compactMap { $1 > 0 ? (center($0), Double($1)) : nil }
    }

    /// Sum of squares.
    var signal: Double { occupied.reduce(0) { $0 + $1.center * $1.center * $1.count } }

    /// Sum of squared errors of `grid`.
    func noise(_ grid: ActivationGrid) -> Double { Self.noise(occupied, grid) }

    static func noise(_ occupied: [(center: Double, count: Double)], _ grid: ActivationGrid) -> Double {
        let scale = Double(grid.scale), inverse = 1 / scale, low = Double(grid.lowest - grid.zero), high = Double(grid.highest - grid.zero)
        var sum = 0.0
        for (center, count) in occupied {
            let code = min(max((center * inverse).rounded(.toNearestOrEven), low), high), error = center - code * scale
            sum += error * error * count
        }
        return sum
    }
}
