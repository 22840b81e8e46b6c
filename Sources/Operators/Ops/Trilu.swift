package import Tensors

package enum Trilu: Inferring, Runnable {
    package static let name: Name = "Trilu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rank = data.dims.count
        guard rank >= 2 else { throw ModelError(.invalidGraph, "input 0 has dims \(data.dims), at least two dimensions are needed") }
        if data.elementCount == 0 { return [.tensor(data)] }
        let isUpper = try call.bool("upper", true)
        let (rows, columns) = (data.dims[rank - 2], data.dims[rank - 1])
        let k = min(max(try call.optionalTensor(1)?.wholeNumber("input 1, k,") ?? 0, -rows - 1), columns + 1)
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), result = try mover.newCells(data.dims)
        result.clear()
        let batches = data.dims[..<(rank - 2)].reduce(1, *), size = rows * columns
        for row in 0..<rows {
            let cut = min(max(row + k + (isUpper ? 0 : 1), 0), columns)
            let range = isUpper ? cut..<columns : 0..<cut
            let place = Stepping(offset: row * columns + range.lowerBound, steps: [size, 1])
            result.copy([batches, range.count], from: source, place, to: place)
        }
        return [.tensor(try mover.tensor(result))]
    }
}
