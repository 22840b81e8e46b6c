package import Tensors

package enum Tile: Inferring, Runnable {
    package static let name: Name = "Tile"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard let dims = data.dims else { return [Fact(data.elementType)] }
        guard call.opset >= 6, let repeats = try call.integers(1) else { return [Fact(data.elementType, dims.map { _ in .unknown })] }
        guard repeats.count == dims.count, repeats.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
            throw ModelError(.invalidGraph, "repeats are \(repeats.text), one of at least 0 for each axis of \(dims.text) is needed")
        }
        let result = zip(dims, repeats).map { $0 * $1.ifSize }
        guard dims.count == 1, let elements = data.integers, let times = repeats[0].value, times * elements.count <= Fact.integerLimit else {
            return [Fact(data.elementType, result)]
        }
        return [Fact(data.elementType, result, integers: Array(repeatElement(elements, count: times).joined()))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rank = data.dims.count
        let repeats: [Int]
        if call.opset < 6 {
            let axis = try call.axis(call.tensor(2).number("input 2, the axis,").saturated, rank: rank)
            repeats = [Int](repeating: 1, count: rank).replacing(axis, with: try call.tensor(1).number("input 1, the tiles,").saturated)
        } else {
            repeats = try call.ints(1) ?? []
        }
        guard repeats.count == rank, repeats.allSatisfy({ $0 >= 0 }) else {
            throw ModelError(.invalidGraph, "repeats are \(repeats), one of at least 0 for each axis of \(data.dims) is needed")
        }
        let dims = try zip(data.dims, repeats).map { dim, times in
            guard let product = checkedMultiply(dim, times) else { throw ModelError(.limit, "\(data.dims) repeated \(repeats) times is too large") }
            return product
        }
        _ = try checkedCount(dims)
        // Each axis as two: the repeats, which stay in place, and the axis itself.
        let box = zip(repeats, data.dims).flatMap { [$0, $1] }
        let steps = denseStrides(data.dims).flatMap { [0, $0] }
        return [.tensor(try CellMover.view(call, data, box, Stepping(steps: steps), reshaped: dims))]
    }
}

extension Double {
    /// Cut to a whole number; what no Int holds becomes the nearest one, NaN 0.
    var saturated: Int {
        if isNaN { return 0 }
        return self >= 0x1p62 ? 1 << 62 : self <= -0x1p62 ? -(1 << 62) : Int(self)
    }
}
