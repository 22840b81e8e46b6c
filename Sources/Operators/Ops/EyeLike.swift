package import Tensors

package enum EyeLike: Inferring, Runnable {
    package static let name: Name = "EyeLike"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let like = try call.tensor(0)
        if let rank = like.rank, rank != 2 { throw ModelError(.invalidGraph, "input 0 is \(like), 2 dimensions are needed") }
        return [Fact(try call.elementType("dtype") ?? like.elementType, like.dims ?? [.unknown, .unknown])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let like = try call.tensor(0)
        try like.checkRank(2, "input 0")
        let type = try call.elementType("dtype") ?? like.elementType
        let (rows, columns) = (like.dims[0], like.dims[1])
        let k = min(max(try call.int("k", 0), -rows), columns)
        var mover = try CellMover(call, type)
        let one = try mover.cells(.filled(type, with: 1, dims: [])), result = try mover.newCells(like.dims)
        result.clear()
        let count = min(rows + min(k, 0), columns - max(k, 0))
        if count > 0 {
            let start = k < 0 ? -k * columns : k
            result.copy([count], from: one, Stepping(steps: [0]), to: Stepping(offset: start, steps: [columns + 1]))
        }
        return [.tensor(try mover.tensor(result))]
    }
}

extension Tensor {
    /// All elements the same small whole number, which the type can hold.
    static func filled(_ type: ElementType, with value: Int8, dims: [Int]) throws -> Tensor {
        let count = try checkedCount(dims)
        switch type {
        case .float, .double, .float16, .bfloat16: return try .rounding(NewElements(count, filledWith: Float(value)), to: type, dims)
        case .int64, .uint64: return try NewElements(count, filledWith: Int64(value)).tensor(type, dims)
        case .int32, .uint32: return try NewElements(count, filledWith: Int32(value)).tensor(type, dims)
        case .int16, .uint16: return try NewElements(count, filledWith: Int16(value)).tensor(type, dims)
        case .int8, .uint8, .bool: return try NewElements(count, filledWith: value).tensor(type, dims)
        default: throw ModelError(.unsupported, "cannot make \(type) from a number here")
        }
    }
}
