package import Tensors

package enum CenterCropPad: Inferring, Runnable {
    package static let name: Name = "CenterCropPad"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard var dims = data.dims else { return [Fact(data.elementType)] }
        let axes = try call.axes(call.ints("axes") ?? Array(dims.indices), rank: dims.count)
        let shape = try call.integers(1)
        if let shape, shape.count != axes.count { throw ModelError(.invalidGraph, "the shape is \(shape.text), one size for each of \(axes.count) axes is needed") }
        for (index, axis) in axes.enumerated() { dims[axis] = shape?[index].ifSize ?? .unknown }
        return [Fact(data.elementType, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rank = data.dims.count
        let axes = try call.axes(call.ints("axes") ?? Array(0..<rank), rank: rank)
        guard let shape = try call.ints(1), shape.count == axes.count, shape.allSatisfy({ $0 >= 0 }) else {
            throw ModelError(.invalidGraph, "the shape must have one size of at least 0 for each of \(axes.count) axes")
        }
        var dims = data.dims, box = data.dims
        var from = Stepping(steps: denseStrides(data.dims)), starts = [Int](repeating: 0, count: rank)
        for (axis, size) in zip(axes, shape) {
            (dims[axis], box[axis]) = (size, min(size, data.dims[axis]))
            if size < data.dims[axis] { from.offset += (data.dims[axis] - size) / 2 * from.steps[axis] } else { starts[axis] = (size - data.dims[axis]) / 2 }
        }
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), result = try mover.newCells(dims)
        result.clear()
        let strides = denseStrides(dims)
        result.copy(box, from: source, from, to: Stepping(offset: zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }, steps: strides))
        return [.tensor(try mover.tensor(result))]
    }
}
