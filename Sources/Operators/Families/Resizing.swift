internal import Tensors

/// Where the cells of one resized axis come from.
package struct ResizedAxis: Sendable {
    package let axis: Int
    /// Cells before and after.
    package let input: Int
    package let size: Int
    /// How many times longer the axis is meant to become; `size` is that rounded.
    let scale: Float
    /// Where the result begins and ends, as shares of the axis; for tf_crop_and_resize.
    let region: (Float, Float)

    /// The place between the old cells that new cell `index` stands for (ONNX, Resize, coordinate_transformation_mode).
    func place(of index: Int, _ mode: String) throws -> Float {
        let x = Float(index), old = Float(input), new = scale * old
        switch mode {
        case "half_pixel": return (x + 0.5) / scale - 0.5
        case "pytorch_half_pixel": return size > 1 ? (x + 0.5) / scale - 0.5 : -0.5
        case "tf_half_pixel_for_nn": return (x + 0.5) / scale
        case "asymmetric": return x / scale
        case "align_corners": return new == 1 || size == 1 ? 0 : x * (old - 1) / (new - 1)
        case "half_pixel_symmetric": return old / 2 * (1 - Float(size) / new) + (x + 0.5) / scale - 0.5
        case "tf_crop_and_resize":
            let (start, end) = region
            return size > 1 ? start * (old - 1) + x * (end - start) * (old - 1) / (Float(size) - 1) : 0.5 * (start + end) * (old - 1)
        default: throw ModelError(.invalidGraph, "coordinate_transformation_mode '\(printable(mode))' is not one of ONNX's")
        }
    }

    /// The old cell for each new one (nearest_mode); "simple" is what there was before opset 11.
    package func nearest(_ coordinates: String, _ mode: String) throws -> [Int] {
        try (0..<size).map { index in
            let x = Double(try place(of: index, coordinates)), cell: Double
            switch mode {
            case "round_prefer_floor": cell = (x - 0.5).rounded(.up)
            case "round_prefer_ceil": cell = (x + 0.5).rounded(.down)
            case "floor": cell = x.rounded(.down)
            case "ceil": cell = x.rounded(.up)
            case "simple": cell = scale < 1 ? x.rounded(.up) : x.rounded(.down)
            default: throw ModelError(.invalidGraph, "nearest_mode '\(printable(mode))' is not one of ONNX's")
            }
            return min(max(cell.saturated, 0), input - 1)
        }
    }

    /// New cells that lie outside the old ones.
    func outside(_ coordinates: String) throws -> [Int] {
        try (0..<size).filter { let x = try place(of: $0, coordinates); return x < 0 || x > Float(input - 1) }
    }
}

/// The old cells that each new cell of an axis is a sum of.
package struct ResizeTaps {
    /// Per new cell.
    package let count: Int
    package private(set) var cells: [Int] = []
    package private(set) var weights: [Float] = []

    /// How far a filter reaches and what it weighs.
    package enum Filter {
        case linear
        case cubic(Float)

        var reach: Float { if case .linear = self { 1 } else { 2 } }

        /// `x`: the distance, of either sign. Cubic convolution as of R. Keys, 1981.
        func weight(_ distance: Float) -> Float {
            let x = abs(distance)
            switch self {
            case .linear: return max(0, 1 - x)
            case .cubic(let a):
                if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
                return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
            }
        }
    }

    package init(_ axis: ResizedAxis, _ filter: Filter, _ coordinates: String, antialias: Bool, excludeOutside: Bool, _ call: Call) throws {
        // A shrinking axis is smoothed over as many cells as become one.
        let squeeze = antialias ? min(axis.scale, 1) : 1
        let half = 1 - Double((-filter.reach / squeeze).rounded(.down) + 1).saturated
        guard half >= 1, let size = checkedMultiply(2 * min(half, 1 << 48), axis.size).flatMap({ checkedMultiply($0, 12) }) else {
            throw ModelError(.limit, "cannot resize by \(axis.scale)")
        }
        try call.environment.checkAllocation(size)
        count = 2 * half
        cells.reserveCapacity(count * axis.size)
        weights.reserveCapacity(count * axis.size)
        for index in 0..<axis.size {
            let x = try axis.place(of: index, coordinates)
            // The cell on the left; at a cell itself the one before it.
            let left = Double(x).saturated == .max || x.isNaN ? 0 : Double(x.rounded(.up)).saturated - 1
            add(x, from: min(max(left, -(1 << 50)), 1 << 50) - half + 1, squeeze, filter, axis.input, antialias: antialias, excludeOutside)
        }
    }

    private mutating func add(_ x: Float, from start: Int, _ squeeze: Float, _ filter: Filter, _ input: Int, antialias: Bool, _ exclude: Bool) {
        let first = weights.count
        var sum: Float = 0
        for cell in start..<start + count {
            let isOutside = cell < 0 || cell >= input
            let weight = exclude && isOutside ? 0 : filter.weight((Float(cell) - x) * squeeze)
            sum += weight
            weights.append(weight)
            cells.append(min(max(cell, 0), input - 1))
        }
        guard antialias || exclude, sum != 0 else { return }
        for index in first..<weights.count { weights[index] /= sum }
    }
}

/// Sums old cells along one axis after the other.
struct Interpolation: RealKernel {
    let dims: [Int]
    let axes: [(ResizedAxis, ResizeTaps)]

    func run<T: Real>(_ data: Elements<T>) throws -> NewElements<T> {
        var source = data, dims = dims
        var result: NewElements<T>?
        for (axis, taps) in axes {
            let split = AxisSplit(dims, at: axis.axis)
            dims[axis.axis] = axis.size
            let next = try NewElements<T>(checkedCount(dims))
            Self.sum(source, split, taps, axis.size, into: next)
            source = try next.finished
            result = next
        }
        return try result ?? NewElements(Array(data))
    }

    private static func sum<T: Real>(_ source: Elements<T>, _ split: AxisSplit, _ taps: ResizeTaps, _ size: Int, into result: NewElements<T>) {
        let inner = split.inner
        guard result.count > 0, source.count > 0 else { return }
        unsafe source.withUnsafeBuffer { from in
            unsafe result.withUnsafeBuffer { to in
                for outer in 0..<split.outer {
                    for index in 0..<size {
                        let target = (outer * size + index) * inner
                        for place in 0..<inner { unsafe to[target + place] = 0 }
                        for tap in index * taps.count..<(index + 1) * taps.count {
                            let weight = T(taps.weights[tap]), start = (outer * split.dim + taps.cells[tap]) * inner
                            if weight == 0 { continue }
                            for place in 0..<inner { unsafe to[target + place] += weight * from[start + place] }
                        }
                    }
                }
            }
        }
    }
}
