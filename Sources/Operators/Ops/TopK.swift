package import Tensors

package enum TopK: Inferring, Runnable {
    package static let name: Name = "TopK"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard var dims = data.dims else { return [Fact(data.elementType), Fact(.int64)] }
        let axis = try call.axis(call.int("axis", -1), rank: dims.count)
        let k = try call.opset < 10 ? .value(call.required("k", call.int("k"))) : call.integers(1)?.first ?? .unknown
        if (k - dims[axis]).isPositive { throw ModelError(.invalidGraph, "k is \(k), axis \(axis) of \(dims.text) has \(dims[axis]) elements") }
        dims[axis] = k.ifSize.asSize
        return [Fact(data.elementType, dims), Fact(.int64, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let axis = try call.axis(call.int("axis", -1), rank: data.dims.count), split = AxisSplit(data.dims, at: axis)
        let k = try call.opset < 10 ? call.required("k", call.int("k")) : call.tensor(1).wholeNumber("input 1, k,")
        guard k >= 0, k <= split.dim else { throw ModelError(.invalidGraph, "k is \(k), axis \(axis) of \(data.dims) has \(split.dim) elements") }
        var keys = try data.orderKeys()
        // The best is the one of the lowest key.
        if try call.bool("largest", true) { for index in keys.indices { keys[index] = ~keys[index] } }
        let dims = data.dims.replacing(axis, with: k)
        let places = try NewElements<Int64>(checkedCount(dims))
        var offsets = [Int](repeating: 0, count: places.count)
        var line = [UInt64](repeating: 0, count: places.count > 0 ? split.dim : 0)
        for outer in 0..<(places.count > 0 ? split.outer : 0) {
            for inner in 0..<split.inner {
                let base = outer * split.dim * split.inner + inner
                for index in 0..<split.dim { line[index] = keys[base + index * split.inner] }
                for (rank, index) in lowest(k, of: line).enumerated() {
                    let place = (outer * k + rank) * split.inner + inner
                    places[place] = Int64(index)
                    offsets[place] = base + index * split.inner
                }
            }
        }
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data), values = try mover.newCells(dims)
        values.gather(from: source, at: offsets)
        return [.tensor(try mover.tensor(values)), .tensor(places.tensor(.int64, dims))]
    }

    /// Indices of the `k` lowest keys, ascending; the first of equal ones comes first.
    private static func lowest(_ k: Int, of keys: [UInt64]) -> [Int] {
        guard k <= 64 else { return Array(keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.prefix(k)) }
        var best: [Int] = []
        best.reserveCapacity(k + 1)
        for (index, key) in keys.enumerated() {
            if best.count == k {
                guard let last = best.last, key < keys[last] else { continue }
                best.removeLast()
            }
            var place = best.count
            while place > 0, keys[best[place - 1]] > key { place -= 1 }
            best.insert(index, at: place)
        }
        return best
    }
}
