package import Tensors

/// The operator; `Slice` in Swift is a type of the standard library.
package enum SliceOperator: Inferring, Runnable {
    package static let name: Name = "Slice"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), isOld = call.opset < 10
        let starts = try isOld ? call.ints("starts")?.map(Dim.value) : call.integers(1), ends = try isOld ? call.ints("ends")?.map(Dim.value) : call.integers(2)
        guard var dims = data.dims else { return [Fact(data.elementType)] }
        if isOld, starts == nil || ends == nil { throw ModelError(.invalidGraph, "starts or ends are missing") }
        var named: [Int]? = (starts?.count ?? ends?.count).map { Array(0..<$0) }
        if isOld { named = try call.ints("axes") ?? named } else if call.hasInput(3) { named = try call.numbers(3) }
        guard let named else { return [Fact(data.elementType, dims.map { _ in .unknown })] }
        let axes = try call.axes(named, rank: dims.count)
        let ones = [Dim](repeating: 1, count: axes.count), steps = try isOld ? ones : call.hasInput(4) ? call.integers(4) ?? ones.map { _ in .unknown } : ones
        guard starts?.count ?? axes.count == axes.count, ends?.count ?? axes.count == axes.count, steps.count == axes.count else {
            throw ModelError(.invalidGraph, "has \(starts?.count ?? 0) starts, \(ends?.count ?? 0) ends, \(axes.count) axes, \(steps.count) steps; as many of each are needed")
        }
        for (index, axis) in axes.enumerated() {
            dims[axis] = try count(starts?[index] ?? .unknown, ends?[index] ?? .unknown, steps[index], of: dims[axis])
        }
        guard dims.count == 1, let elements = data.integers, let start = starts?.numbers?.first, let end = ends?.numbers?.first, let step = steps[0].value else {
            return [Fact(data.elementType, dims)]
        }
        let range = try Self.range(start, end, step, of: elements.count)
        return [Fact(data.elementType, dims, integers: (0..<range.count).map { elements[range.start + $0 * range.step] })]
    }

    /// How many elements of an axis of `dim` remain, by the rule of `range`.
    private static func count(_ start: Dim, _ end: Dim, _ step: Dim, of dim: Dim) throws -> Dim {
        if let start = start.value, let end = end.value, let step = step.value, let dim = dim.value {
            return .value(try range(start, end, step, of: dim).count)
        }
        guard let step = step.value else { return .unknown }
        guard step != 0 else { throw ModelError(.invalidGraph, "a step is 0, it must go on or back") }
        // A place counted from the end needs a sign that is known. Exporters write the greatest number of 32 or 64 bits for the end.
        func place(_ place: Dim, from least: Dim) -> Dim {
            if case .value(let number) = place, number >= Int(Int32.max) { return dim }
            if case .value(let number) = place, number <= Int(Int32.min) + 1 { return least }
            return place.isNonNegative ? .min(place, dim) : (0 - place).isPositive ? .max(least, place + dim) : .unknown
        }
        let first = place(start, from: 0), last = place(end, from: step > 0 ? 0 : -1)
        if step > 0 { return .max(0, (last - first).ceilDiv(step)) }
        // The first place of a walk back is within the axis.
        return .max(0, (.min(first, dim - 1) - last).ceilDiv(.value(-step)))
    }

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
