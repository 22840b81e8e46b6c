package import Tensors

package enum OneHot: Inferring, Runnable {
    package static let name: Name = "OneHot"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let indices = try call.tensor(0), type = try call.type(2), depth = try call.tensor(1).scalar
        guard var dims = indices.dims else { return [Fact(type)] }
        dims.insert(depth?.ifSize ?? .unknown, at: try call.axis(call.int("axis", -1), rank: dims.count + 1))
        return [Fact(type, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let indices = try call.tensor(0), values = try call.tensor(2), rank = indices.dims.count
        let depth = try call.tensor(1).number("input 1, the depth,").saturated
        guard values.dims == [2] else { throw ModelError(.invalidGraph, "the values have dims \(values.dims), two are needed: off and on") }
        guard depth >= 1 else { throw ModelError(.invalidGraph, "the depth is \(depth), at least 1 is needed") }
        let axis = try call.axis(call.int("axis", -1), rank: rank + 1)
        var dims = indices.dims
        dims.insert(depth, at: axis)
        _ = try checkedCount(dims)
        let split = AxisSplit(dims, at: axis)
        var offsets: [Int] = []
        for (place, number) in try Self.numbers(indices).enumerated() where number >= -depth && number < depth {
            let (outer, inner) = (place / split.inner, place % split.inner)
            offsets.append((outer * depth + (number < 0 ? number + depth : number)) * split.inner + inner)
        }
        var mover = try CellMover(call, values.elementType)
        let pair = try mover.cells(values), result = try mover.newCells(dims)
        let strides = denseStrides(dims)
        result.copy(dims, from: pair, Stepping(steps: [Int](repeating: 0, count: dims.count)), to: Stepping(steps: strides))
        let on = try mover.newCells([offsets.count])
        on.copy([offsets.count], from: pair, Stepping(offset: 1, steps: [0]), to: Stepping(steps: [1]))
        result.scatter(from: try on.finished, to: offsets)
        return [.tensor(try mover.tensor(result))]
    }

    private static func numbers(_ indices: Tensor) throws -> [Int] {
        // What is no whole number equals no class.
        func whole(_ value: Double) -> Int { Int(exactly: value) ?? .max }
        if indices.elementType == .double { return try indices.elements(as: Double.self).map(whole) }
        if indices.elementType.isFloat { return try indices.floats("input 0, the indices,").map { whole(Double($0)) } }
        return try indices.wholeNumbers("input 0, the indices,")
    }
}
