internal import Tensors

/// Whether one number is to be chosen before another.
protocol Preference: Sendable {
    static func prefers<T: Number>(_ x: T, to best: T) -> Bool
}

extension Call {
    /// Where along `axis` the preferred number stands, as INT64: the first of equals, or the last if `select_last_index`.
    func findExtremes<P: Preference>(_ preference: P.Type) throws -> [Value?] {
        let input = try tensor(0), rank = input.dims.count
        // A scalar has one element, as along one axis.
        let dims = rank == 0 ? [1] : input.dims
        let axis = try axis(int("axis", 0), rank: dims.count), keepsDims = try bool("keepdims", true)
        let lines = AxisLines(dims, axis: axis)
        guard lines.length > 0 || lines.outer * lines.inner == 0 else {
            throw ModelError(.invalidGraph, "the input has dims \(dims), axis \(axis) must have at least one element")
        }
        let work = ExtremeSearch<P>(input: input, lines: lines, takesLast: try bool("select_last_index"))
        let result = try input.elementType.withNumbers(work)
        var left = input.dims
        if rank > 0 { if keepsDims { left[axis] = 1 } else { left.remove(at: axis) } }
        return [.tensor(result.tensor(.int64, left))]
    }
}

private struct ExtremeSearch<P: Preference>: NumberWork {
    let input: Tensor
    let lines: AxisLines
    let takesLast: Bool

    func run<T: Number>(_ type: T.Type) throws -> NewElements<Int64> {
        let source = try T.elements(of: input), result = try NewElements<Int64>(lines.outer * lines.inner)
        var next = 0
        unsafe source.withUnsafeBuffer { source in
            lines.forEach { start in
                var best = unsafe source[start], at = 0
                for index in 1..<max(lines.length, 1) {
                    let x = unsafe source[start + index * lines.inner]
                    if P.prefers(x, to: best) || takesLast && x == best { (best, at) = (x, index) }
                }
                result[next] = Int64(at)
                next += 1
            }
        }
        return result
    }
}
