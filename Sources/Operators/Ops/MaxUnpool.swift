package import Tensors

package enum MaxUnpool: Inferring, Runnable {
    package static let name: Name = "MaxUnpool"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), kernel = try call.required("kernel_shape", call.ints("kernel_shape")), axes = kernel.count
        let strides = try WindowRule.numbers(call.ints("strides") ?? kernel.map { _ in 1 }, "strides", axes, atLeast: 0), pads = try WindowRule.pads(call, axes)
        if call.hasInput(2) { return [Fact(data.elementType, try call.integers(2)?.map(\.ifSize) ?? data.dims?.map { _ in .unknown })] }
        guard let dims = data.dims else { return [Fact(data.elementType)] }
        guard dims.count == axes + 2 else { throw ModelError(.invalidGraph, "the input is \(data), kernel_shape \(kernel) needs two dimensions more") }
        let sizes = (0..<axes).map { axis -> Dim in
            let rest = kernel[axis] - pads[axis] - pads[axes + axis]
            return ((dims[axis + 2] - 1) * strides[axis] + rest).ifSize
        }
        return [Fact(data.elementType, dims[..<2] + sizes)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), indices = try call.tensor(1)
        let kernel = try call.required("kernel_shape", call.ints("kernel_shape")), axes = kernel.count
        let strides = try call.ints("strides") ?? [Int](repeating: 1, count: axes)
        let pads = try call.ints("pads") ?? [Int](repeating: 0, count: 2 * axes)
        guard axes >= 1, data.dims.count == axes + 2, indices.dims == data.dims, strides.count == axes, pads.count == 2 * axes,
            (kernel + strides + pads).allSatisfy({ $0 >= 0 && $0 <= 1 << 24 })
        else { throw ModelError(.invalidGraph, "data of \(data.dims), indices of \(indices.dims), kernel_shape \(kernel), strides \(strides), pads \(pads) do not fit") }
        var dims = data.dims
        for axis in 0..<axes {
            guard let steps = checkedMultiply(dims[axis + 2] - 1, strides[axis]) else { throw ModelError(.limit, "\(dims) is too large to unpool") }
            dims[axis + 2] = steps - pads[axis] - pads[axes + axis] + kernel[axis]
        }
        let count = try checkedCount(dims)
        let places = try indices.integers("input 1, the indices,").map { try cellIndex($0, dim: count) }
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), pooled = try mover.newCells(dims)
        pooled.clear()
        pooled.scatter(from: source, to: places)
        guard let asked = try call.ints(2), asked != dims else { return [.tensor(try mover.tensor(pooled))] }
        guard asked.count == dims.count, asked.allSatisfy({ $0 >= 0 }) else {
            throw ModelError(.invalidGraph, "output_shape is \(asked), \(dims.count) sizes are needed")
        }
        let result = try mover.newCells(asked)
        result.clear()
        let box = zip(asked, dims).map { min($0, $1) }
        result.copy(box, from: try pooled.finished, Stepping(steps: denseStrides(dims)), to: Stepping(steps: denseStrides(asked)))
        return [.tensor(try mover.tensor(result))]
    }
}
