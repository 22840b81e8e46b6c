package import Tensors

package enum GatherND: Inferring, Runnable {
    package static let name: Name = "GatherND"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), batch = try call.int("batch_dims", 0)
        guard let dims = data.dims, let indices = try call.dims(1), let length = indices.last?.value else { return [Fact(data.elementType)] }
        guard batch >= 0, batch < indices.count, length >= 0, length <= dims.count - batch else {
            throw ModelError(.invalidGraph, "indices of \(indices.text) name more axes than data of \(dims.text) has behind \(batch) batch_dims")
        }
        let first = try zip(dims[..<batch], indices).map { try call.same($0, $1, "data of \(dims.text) and indices of \(indices.text) must begin with the same dims") }
        return [Fact(data.elementType, first + indices[batch..<indices.count - 1] + dims[(batch + length)...])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), indices = try call.tensor(1), batch = try call.int("batch_dims", 0)
        guard batch >= 0, batch < indices.dims.count, batch <= data.dims.count, data.dims[..<batch] == indices.dims[..<batch] else {
            throw ModelError(.invalidGraph, "data of \(data.dims) and indices of \(indices.dims) must begin with the same \(batch) batch_dims")
        }
        let tuples = try IndexTuples(indices, of: data, batch: batch, call)
        let dims = Array(indices.dims.dropLast()) + Array(data.dims[(batch + tuples.length)...])
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), result = try mover.newCells(dims)
        result.gather(from: source, at: tuples.offsets, block: tuples.block)
        return [.tensor(try mover.tensor(result))]
    }
}

/// Rows of indices that name blocks of a tensor.
struct IndexTuples {
    /// How many axes a row names.
    let length: Int
    /// Cells of a block: of the axes behind those.
    let block: Int
    /// Where each block begins.
    private(set) var offsets: [Int] = []

    init(_ indices: Tensor, of data: Tensor, batch: Int = 0, _ call: Call) throws {
        guard let last = indices.dims.last, last <= data.dims.count - batch else {
            throw ModelError(.invalidGraph, "indices of dims \(indices.dims) name more axes than data of \(data.dims) has")
        }
        length = last
        let strides = denseStrides(data.dims)
        block = data.dims[(batch + last)...].reduce(1, *)
        let rows = try checkedCount(Array(indices.dims.dropLast())), numbers = try indices.integers("the indices")
        let batches = data.dims[..<batch].reduce(1, *), perBatch = batches > 0 ? rows / batches : 0
        let batchStep = data.dims[batch...].reduce(1, *)
        try call.environment.checkAllocation(8 * rows)
        offsets.reserveCapacity(rows)
        for row in 0..<rows {
            var offset = perBatch > 0 ? row / perBatch * batchStep : 0
            for part in 0..<length {
                offset += try cellIndex(numbers[row * length + part], dim: data.dims[batch + part]) * strides[batch + part]
            }
            offsets.append(offset)
        }
    }
}
