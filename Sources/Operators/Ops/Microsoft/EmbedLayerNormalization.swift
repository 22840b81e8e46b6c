internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.EmbedLayerNormalization`: the sum of embeddings of words, positions and segments, normalized.
package enum EmbedLayerNormalization: Runnable {
    package static let name: Name = "EmbedLayerNormalization"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] {
        let ids = try call.tensor(0), words = try Table(call, 2, "the word embeddings"), positions = try Table(call, 3, "the position embeddings")
        guard ids.dims.count == 2, words.size == positions.size else {
            throw ModelError(
                .invalidGraph, "input ids of \(ids.dims), embeddings of \(words.size) and \(positions.size) numbers; [batch, length] ids and one size are needed")
        }
        let (batch, length) = (ids.dims[0], ids.dims[1]), dims = [batch, length, words.size]
        let sum = try call.newElements(dims, Float.self)
        for index in 0..<sum.count { sum[index] = 0 }
        try words.add(ids.integers("the input ids"), to: sum)
        try positions.add(Self.positions(call, batch, length), to: sum)
        if let segments = try call.optionalTensor(1) {
            guard segments.dims == ids.dims else {
                throw ModelError(.invalidGraph, "segment ids of \(segments.dims), input ids of \(ids.dims): one shape is needed")
            }
            let table = try Table(call, 4, "the segment embeddings")
            guard table.size == words.size else { throw ModelError(.invalidGraph, "segment embeddings of \(table.size) numbers, \(words.size) are needed") }
            try table.add(segments.integers("the segment ids"), to: sum)
        }
        let total = try Float.store(sum, as: words.type, dims)
        let result = try Normalization.layers(
            call, total, scale: call.tensor(5), bias: call.tensor(6), axis: 2, epsilon: call.float("epsilon", 1e-12), centres: true, Float.self)
        return [.tensor(result.y), .tensor(try lengths(call, batch, length)), .tensor(total)]
    }

    /// 0, 1, 2 … in each row, unless there are `position_ids`, which may be those of one row.
    private static func positions(_ call: Call, _ batch: Int, _ length: Int) throws -> [Int] {
        guard let given = try call.optionalTensor(8) else { return (0..<batch * length).map { $0 % max(1, length) } }
        let ids = try given.integers("the position ids")
        guard given.dims == [batch, length] || given.dims == [1, length] else {
            throw ModelError(.invalidGraph, "position ids of \(given.dims), [\(batch), \(length)] or [1, \(length)] is needed")
        }
        return (0..<batch * length).map { ids[$0 % ids.count] }
    }

    /// How many numbers of a row of the mask are 1; 0 without a mask.
    private static func lengths(_ call: Call, _ batch: Int, _ length: Int) throws -> Tensor {
        let result = try NewElements<Int32>(batch, filledWith: 0)
        if let mask = try call.optionalTensor(7) {
            let numbers = try mask.integers("the mask")
            guard mask.dims == [batch, length] else { throw ModelError(.invalidGraph, "the mask has dims \(mask.dims), [\(batch), \(length)] is needed") }
            for (index, number) in numbers.enumerated() where number == 1 { result[index / length] += 1 }
        }
        return result.tensor(.int32, [batch])
    }

    private struct Table {
        let type: ElementType
        let size: Int
        private let rows: Int
        private let values: Elements<Float>
        private let what: String

        init(_ call: Call, _ index: Int, _ what: String) throws {
            let tensor = try call.tensor(index)
            guard tensor.dims.count == 2 else { throw ModelError(.invalidGraph, "\(what) have dims \(tensor.dims), 2 dimensions are needed") }
            (type, rows, size, self.what) = (tensor.elementType, tensor.dims[0], tensor.dims[1], what)
            values = try tensor.floats(what)
        }

        func add(_ ids: [Int], to sum: NewElements<Float>) throws {
            for (place, id) in ids.enumerated() {
                guard 0..<rows ~= id else { throw ModelError(.invalidGraph, "id \(id) of \(what); 0 to \(rows - 1) exist") }
                for index in 0..<size { sum[place * size + index] += values[id * size + index] }
            }
        }
    }
}
