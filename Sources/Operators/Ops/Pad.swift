package import Tensors

package enum Pad: Inferring, Runnable {
    package static let name: Name = "Pad"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard let dims = data.dims else { return [Fact(data.elementType)] }
        let numbers = try call.opset < 2 ? call.ints("paddings")?.map(Dim.value) : call.opset < 11 ? call.ints("pads")?.map(Dim.value) : call.integers(1)
        var axes: [Int]? = Array(dims.indices)
        if call.opset >= 18, call.hasInput(3) { axes = try call.numbers(3).map { try call.axes($0, rank: dims.count) } }
        guard let numbers, let axes else { return [Fact(data.elementType, dims.map { _ in .unknown })] }
        guard numbers.count == 2 * axes.count else {
            throw ModelError(.invalidGraph, "pads are \(numbers.text), two numbers for each of \(axes.count) axes are needed")
        }
        var result = dims
        for (index, axis) in axes.enumerated() { result[axis] = (dims[axis] + numbers[index] + numbers[axes.count + index]).ifSize }
        return [Fact(data.elementType, result)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let (cut, pads) = try cropped(call, call.tensor(0), try pads(call))
        if pads.allSatisfy({ $0.before == 0 && $0.after == 0 }) { return [.tensor(cut)] }
        switch try call.string("mode", "constant") {
        case "constant": return [.tensor(try filled(call, cut, pads))]
        case "edge": return [.tensor(try extended(call, cut, pads) { index, dim in min(max(index, 0), dim - 1) })]
        case "wrap": return [.tensor(try extended(call, cut, pads) { index, dim in modulo(index, dim) })]
        case "reflect":
            return [.tensor(try extended(call, cut, pads) { index, dim in
                let place = dim > 1 ? modulo(index, 2 * (dim - 1)) : 0
                return min(place, 2 * (dim - 1) - place)
            })]
        case let mode: throw ModelError(.invalidGraph, "mode is '\(printable(mode))', constant, reflect, edge or wrap is needed")
        }
    }

    private typealias Pads = [(before: Int, after: Int)]

    /// Per axis of the input; negative: cells to cut off.
    private static func pads(_ call: Call) throws -> Pads {
        let rank = try call.tensor(0).dims.count
        let numbers = try call.opset < 2 ? call.ints("paddings") : call.opset < 11 ? call.ints("pads") : call.ints(1)
        let axes = try call.axes(call.opset < 18 ? Array(0..<rank) : call.ints(3) ?? Array(0..<rank), rank: rank)
        guard let numbers, numbers.count == 2 * axes.count, numbers.allSatisfy({ abs($0.magnitudeClamped) <= 1 << 48 }) else {
            throw ModelError(.invalidGraph, "pads are \(numbers ?? []), two numbers for each of \(axes.count) axes are needed")
        }
        var pads = Pads(repeating: (0, 0), count: rank)
        for (index, axis) in axes.enumerated() { pads[axis] = (numbers[index], numbers[axes.count + index]) }
        return pads
    }

    /// The data without what negative pads cut off, and the pads that remain.
    private static func cropped(_ call: Call, _ data: Tensor, _ pads: Pads) throws -> (Tensor, Pads) {
        guard pads.contains(where: { $0.before < 0 || $0.after < 0 }) else { return (data, pads) }
        var dims = data.dims, from = Stepping(steps: denseStrides(data.dims))
        for (axis, pad) in pads.enumerated() {
            dims[axis] += min(pad.before, 0) + min(pad.after, 0)
            guard dims[axis] >= 0 else { throw ModelError(.invalidGraph, "pads \(pad) cut more off axis \(axis) of \(data.dims) than it has") }
            from.offset -= min(pad.before, 0) * from.steps[axis]
        }
        let place = dims.contains(0) ? Stepping(steps: from.steps) : from
        return (try CellMover.view(call, data, dims, place), pads.map { (max($0.before, 0), max($0.after, 0)) })
    }

    private static func filled(_ call: Call, _ data: Tensor, _ pads: Pads) throws -> Tensor {
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data)
        let dims = zip(data.dims, pads).map { $0 + $1.before + $1.after }
        let result = try mover.newCells(dims), strides = denseStrides(dims)
        if let value = try value(call, data.elementType) {
            guard value.elementCount == 1 else { throw ModelError(.invalidGraph, "constant_value has dims \(value.dims), one element is needed") }
            result.fill(with: try mover.cells(value, "constant_value"))
        } else {
            result.clear()
        }
        let offset = zip(pads, strides).reduce(0) { $0 + $1.0.before * $1.1 }
        if !data.dims.contains(0) {
            result.copy(data.dims, from: source, Stepping(steps: denseStrides(data.dims)), to: Stepping(offset: offset, steps: strides))
        }
        return try mover.tensor(result)
    }

    private static func value(_ call: Call, _ type: ElementType) throws -> Tensor? {
        if call.opset >= 11 { return try call.optionalTensor(2) }
        guard let value = try call.float("value"), value != 0 else { return nil }
        guard type == .float || type == .double || type == .float16 else { throw ModelError(.invalidGraph, "cannot pad \(type) with a float") }
        return try .rounding(NewElements([value]), to: type, [1])
    }

    /// One axis after the other; `source` says which cell of the axis stands at an index outside it.
    private static func extended(_ call: Call, _ data: Tensor, _ pads: Pads, _ source: (_ index: Int, _ dim: Int) -> Int) throws -> Tensor {
        var result = data
        for (axis, pad) in pads.enumerated() where pad.before > 0 || pad.after > 0 {
            let dim = result.dims[axis], size = dim + pad.before + pad.after
            guard dim > 0 else { throw ModelError(.invalidGraph, "axis \(axis) of \(data.dims) has no cells to repeat") }
            _ = try checkedCount(result.dims.replacing(axis, with: size))
            try call.environment.checkAllocation(8 * size)
            result = try result.taking((0..<size).map { source($0 - pad.before, dim) }, axis: axis, dims: [size], call)
        }
        return result
    }
}

/// What remains of a division that rounds down: at least 0.
@inline(__always)
func modulo(_ value: Int, _ divisor: Int) -> Int {
    let rest = value % divisor
    return rest < 0 ? rest + divisor : rest
}

extension Int {
    /// The same number, but the least of all, which has no opposite, by one more.
    var magnitudeClamped: Int { Swift.max(self, -Int.max) }
}
