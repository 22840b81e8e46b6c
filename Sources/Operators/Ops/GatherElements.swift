package import Tensors

package enum GatherElements: Inferring, Runnable {
    package static let name: Name = "GatherElements"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), indices = try call.tensor(1)
        if let a = data.rank, let b = indices.rank, a != b { throw ModelError(.invalidGraph, "indices are \(indices), data \(data): as many dimensions are needed") }
        return [Fact(data.elementType, indices.dims ?? data.dims?.map { _ in .unknown })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), indices = try call.tensor(1)
        let axis = try call.axis(call.int("axis", 0), rank: data.dims.count)
        let offsets = try elementOffsets(indices, axis: axis, of: data)
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), result = try mover.newCells(indices.dims)
        result.gather(from: source, at: offsets)
        return [.tensor(try mover.tensor(result))]
    }

    /// Where in `data` each element lies that `indices` name: at its own place, but along `axis` at the index.
    static func elementOffsets(_ indices: Tensor, axis: Int, of data: Tensor) throws -> [Int] {
        guard indices.dims.count == data.dims.count else {
            throw ModelError(.invalidGraph, "indices of dims \(indices.dims) for data of \(data.dims): as many dimensions are needed")
        }
        for other in data.dims.indices where other != axis && indices.dims[other] > data.dims[other] {
            throw ModelError(.invalidGraph, "indices of dims \(indices.dims) leave axis \(other) of data of \(data.dims)")
        }
        let strides = denseStrides(data.dims), step = strides[axis], dim = data.dims[axis]
        var offsets = boxOffsets(indices.dims, strides.replacing(axis, with: 0))
        for (place, index) in try indices.integers("the indices").enumerated() { offsets[place] += try cellIndex(index, dim: dim) * step }
        return offsets
    }
}
