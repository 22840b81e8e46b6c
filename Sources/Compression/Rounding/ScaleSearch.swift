internal import CCompression
internal import Tensors

/// Finds the scale, and the zero point, of one group of weights.
struct ScaleSearch: Sendable {
    /// The least and the greatest code.
    let low: Float
    let high: Float
    let isAsymmetric: Bool
    let storage: ScaleStorage
    /// Scales may be negative: of few codes, the one that only one side has is worth much.
    var turnsAround = false

    /// `weight`: how much each error counts, for the search of the least squares.
    func grid(_ scales: RoundingCandidate.Scales, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>?, _ count: Int) -> thimble_grid {
        switch scales {
        case .range, .given: unsafe fromRange(x, count)
        case .leastSquares: unsafe leastSquares(x, weight, count)
        case .halfQuadratic: unsafe halfQuadratic(x, count)
        }
    }

    /// From the largest weight: nothing is clipped by more than half a step.
    func fromRange(_ x: UnsafePointer<Float>, _ count: Int) -> thimble_grid {
        let range = unsafe thimble_value_range(x, count)
        return grid(low: min(0, range.low), high: max(0, range.high))
    }

    private func grid(low least: Float, high most: Float) -> thimble_grid {
        guard isAsymmetric else {
            return thimble_grid(scale: storage.fit(max(-least, most) / (high + 0.5)), zero: 0, low: low, high: high)
        }
        let scale = storage.fit((most - least) / (high - low))
        let zero = max(low, min(high, low + (-least / scale).rounded(.toNearestOrEven)))
        return thimble_grid(scale: scale, zero: zero, low: low, high: high)
    }

    /// The range that is clipped so that the squared error is least; `weight`, if given, says how much each error counts.
    func leastSquares(_ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>?, _ count: Int) -> thimble_grid {
        let range = unsafe thimble_value_range(x, count)
        let least = min(0, range.low), most = max(0, range.high)
        var best = grid(low: least, high: most)
        guard least < most else { return best }
        var bestError = unsafe thimble_rounding_error(x, weight, count, best)
        var last = best.scale
        if turnsAround, !isAsymmetric {
            // The side of the largest weight gets the code that the other side does not have: its scale is turned around where that is the upper one.
            let sign: Float = most > -least ? -1 : 1
            var ratio: Float = 1.1
            while ratio > 0.45 {
                let scale = sign * storage.fit(max(-least, most) * ratio / -low)
                ratio -= 0.02
                guard scale != last else { continue }
                last = scale
                let candidate = thimble_grid(scale: scale, zero: 0, low: low, high: high)
                let error = unsafe thimble_rounding_error(x, weight, count, candidate)
                if error < bestError { (best, bestError) = (candidate, error) }
            }
        }
        // Few codes are worth clipping more for them.
        let end: Float = high - low < 8 ? 0.3 : high - low < 32 ? 0.5 : 0.7
        var ratio: Float = 0.98
        while ratio > end {
            let candidate = grid(low: least * ratio, high: most * ratio)
            ratio -= 0.02
            guard candidate.scale != last else { continue }
            last = candidate.scale
            if unsafe weight == nil, clipped(range, by: candidate) > bestError { break }
            let error = unsafe thimble_rounding_error(x, weight, count, candidate)
            if error < bestError { (best, bestError) = (candidate, error) }
        }
        return best
    }

    /// What the least and the largest value lose at least by this range and all narrower ones; a step is taken off, as zero points are rounded.
    private func clipped(_ range: thimble_range, by grid: thimble_grid) -> Double {
        let over = max(0, range.high - (grid.high - grid.zero + 1) * grid.scale), under = max(0, (grid.low - grid.zero - 1) * grid.scale - range.low)
        return Double(over * over + under * under)
    }

    /// Half-quadratic quantization (Badri and Shaji, 2023): the zero point that is best where errors count by a norm below 1. Theirs is a number, ours an integer:
    /// the better of the two beside it, or that of the range.
    func halfQuadratic(_ x: UnsafePointer<Float>, _ count: Int) -> thimble_grid {
        let start = unsafe fromRange(x, count)
        var grid = start, beta: Float = 10
        for _ in 0..<20 {
            let next = unsafe thimble_half_quadratic_zero(x, count, grid, beta, 0.7)
            // It stands still.
            if next == grid.zero { break }
            grid.zero = next
            beta *= 1.01
        }
        var best = start, least = unsafe thimble_rounding_error(x, nil, count, start)
        for zero in [grid.zero.rounded(.down), grid.zero.rounded(.up)] where zero != start.zero && (low...high).contains(zero) {
            grid.zero = zero
            let error = unsafe thimble_rounding_error(x, nil, count, grid)
            if error < least { (best, least) = (grid, error) }
        }
        return best
    }
}
