internal import Tensors

extension Call {
    /// Along the axis of input 1 each element combined with all before it, or with all after it if `reverse`; without itself if
    /// `exclusive`, beginning with `start`.
    func cumulate(_ function: some NumberCombination, start: Int64) throws -> [Value?] {
        let input = try tensor(0), axes = try required("axis", ints(1))
        guard axes.count == 1 else { throw ModelError(.invalidGraph, "the axis has \(axes.count) elements, a scalar is needed") }
        let lines = AxisLines(input.dims, axis: try axis(axes[0], rank: input.dims.count))
        let work = Cumulation(
            input: input, lines: lines, function: function, start: start, isReverse: try bool("reverse"), isExclusive: try bool("exclusive"))
        return [.tensor(try input.elementType.withNumbers(work))]
    }
}

private struct Cumulation<F: NumberCombination>: NumberWork {
    let input: Tensor
    let lines: AxisLines
    let function: F
    let start: Int64
    let isReverse: Bool
    let isExclusive: Bool

    func run<T: Number>(_ type: T.Type) throws -> Tensor {
        let source = try T.elements(of: input), result = try NewElements<T>(source.count)
        lines.forEach { first in
            var total = T(nearest: Double(start))
            for index in 0..<lines.length {
                let at = first + (isReverse ? lines.length - 1 - index : index) * lines.inner
                let next = function.apply(total, source[at])
                result[at] = isExclusive ? total : next
                total = next
            }
        }
        return try T.tensor(result, input.elementType, input.dims)
    }
}
