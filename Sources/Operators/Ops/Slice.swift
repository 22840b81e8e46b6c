package import Tensors

/// The operator; `Slice` in Swift is a type of the standard library.
package enum SliceOperator: Runnable {
    package static let name: Name = "Slice"

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rank = data.dims.count
        let isOld = call.opset < 10
        guard let starts = try isOld ? call.ints("starts") : call.ints(1), let ends = try isOld ? call.ints("ends") : call.ints(2) else {
            throw ModelError(.invalidGraph, "starts or ends are missing")
        }
        let axes = try call.axes(isOld ? call.ints("axes") ?? Array(starts.indices) : call.ints(3) ?? Array(starts.indices), rank: rank)
        let steps = try isOld ? nil : call.ints(4)
        guard starts.count == ends.count, axes.count == starts.count, steps?.count ?? starts.count == starts.count else {
            throw ModelError(.invalidGraph, "has \(starts.count) starts, \(ends.count) ends, \(axes.count) axes, \(steps?.count ?? starts.count) steps; as many of each are needed")
        }
        var dims = data.dims, from = Stepping(steps: denseStrides(data.dims))
        for (index, axis) in axes.enumerated() {
            let range = try range(starts[index], ends[index], steps?[index] ?? 1, of: data.dims[axis])
            dims[axis] = range.count
            guard range.count > 0 else { continue }
            from.offset += range.start * from.steps[axis]
            // One cell needs no step, and only its step can be larger than the axis.
            from.steps[axis] *= range.count > 1 ? range.step : 0
        }
        if dims == data.dims, from.offset == 0, steps?.allSatisfy({ $0 > 0 }) ?? true { return [.tensor(data)] }
        return [.tensor(try CellMover.view(call, data, dims, dims.contains(0) ? Stepping(steps: from.steps) : from))]
    }

    private static func range(_ start: Int, _ end: Int, _ step: Int, of dim: Int) throws -> (start: Int, count: Int, step: Int) {
        guard step != 0 else { throw ModelError(.invalidGraph, "a step is 0, it must go on or back") }
        guard dim > 0 else { return (0, 0, 1) }
        // No axis is longer than 2^48: clamping changes no result and keeps sums in range.
        let step = min(max(step, -(1 << 50)), 1 << 50)
        let first = start < 0 ? start + dim : start, last = end < 0 ? end + dim : end
        if step > 0 {
            let low = min(max(first, 0), dim), high = min(max(last, 0), dim)
            return (low, high > low ? ceilDivide(high - low, step) : 0, step)
        }
        let high = min(max(first, 0), dim - 1), low = min(max(last, -1), dim - 1)
        return (high, high > low ? ceilDivide(high - low, -step) : 0, step)
    }
}
