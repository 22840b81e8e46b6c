package import Tensors

package enum ReverseSequence: Inferring, Runnable {
    package static let name: Name = "ReverseSequence"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let axes = try call.axes([call.int("batch_axis", 1), call.int("time_axis", 0)], rank: data.dims.count)
        guard let lengths = try call.ints(1), data.dims.count >= 2, axes.sorted() == [0, 1] else {
            throw ModelError(.invalidGraph, "data of \(data.dims) with batch_axis and time_axis \(axes): those are 0 and 1 of at least two axes")
        }
        let (batches, times) = (data.dims[axes[0]], data.dims[axes[1]])
        guard lengths.count == batches, lengths.allSatisfy({ $0 >= 0 && $0 <= times }) else {
            throw ModelError(.invalidGraph, "sequence_lens are \(lengths), \(batches) of 0 to \(times) are needed")
        }
        if data.elementCount == 0 { return [.tensor(data)] }
        let strides = denseStrides(data.dims), block = data.dims[2...].reduce(1, *)
        var offsets: [Int] = []
        for first in 0..<data.dims[0] {
            for second in 0..<data.dims[1] {
                let (batch, time) = axes[0] == 0 ? (first, second) : (second, first)
                let place = time < lengths[batch] ? lengths[batch] - 1 - time : time
                offsets.append(batch * strides[axes[0]] + place * strides[axes[1]])
            }
        }
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), result = try mover.newCells(data.dims)
        result.gather(from: source, at: offsets, block: block)
        return [.tensor(try mover.tensor(result))]
    }
}
