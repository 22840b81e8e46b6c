internal import Tensors

/// What Softmax, LogSoftmax and Hardmax do to one line of numbers.
protocol LineFunction: Sendable {
    /// Fills the line of `result` at `start`, whose `count` elements lie `step` apart, from that of `source`.
    static func apply<T: Real>(_ source: UnsafeBufferPointer<T>, _ result: UnsafeMutableBufferPointer<T>, _ start: Int, _ count: Int, _ step: Int)
}

extension Call {
    /// `function` along `axis`; before operator set 13 along all axes from there on.
    func mapLines<F: LineFunction>(_ function: F.Type) throws -> [Value?] {
        let input = try tensor(0), rank = input.dims.count
        let lines: AxisLines
        if opset >= 13 {
            let axis = try int("axis", -1)
            lines = rank == 0 && (axis == 0 || axis == -1) ? AxisLines([1], axis: 0) : AxisLines(input.dims, axis: try self.axis(axis, rank: rank))
        } else {
            let axis = try int("axis", 1)
            guard axis >= -rank, axis <= rank else { throw ModelError(.invalidGraph, "axis \(axis) of \(rank) dimensions; -\(rank) to \(rank) exist") }
            lines = AxisLines(input.dims, (axis < 0 ? axis + rank : axis)..<rank)
        }
        return [.tensor(try input.elementType.withReals(LineWork<F>(input: input, lines: lines)))]
    }
}

private struct LineWork<F: LineFunction>: RealWork {
    let input: Tensor
    let lines: AxisLines

    func run<T: Real>(_ type: T.Type) throws -> Tensor {
        let source = try T.elements(of: input), result = try NewElements<T>(source.count)
        unsafe source.withUnsafeBuffer { source in
            unsafe result.withUnsafeBuffer { result in
                lines.forEach { unsafe F.apply(source, result, $0, lines.length, lines.inner) }
            }
        }
        return try T.tensor(result, input.elementType, input.dims)
    }
}

/// The largest number of a line, the first that there is of several, and where; NaN wins.
@inline(__always)
func largest<T: Real>(_ source: UnsafeBufferPointer<T>, _ start: Int, _ count: Int, _ step: Int) -> (value: T, offset: Int) {
    var best = unsafe source[start], at = start
    for index in 1..<max(count, 1) {
        let value = unsafe source[start + index * step]
        if value > best || value.isNaN && !best.isNaN { (best, at) = (value, start + index * step) }
    }
    return (best, at)
}
