internal import ModelGraph
package import Tensors

package enum Split: Checkable, Inferring {
    package static let name: Name = "Split"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
        let sizes = node.opset < 13 ? node.ints("split") : node.constantInts(1)
        if let wrong = sizes?.first(where: { $0 < 0 }) {
            report.error("its split holds \(wrong), sizes are at least 0")
        }
        if let sizes, sizes.count != node.node.outputs.count {
            report.error("splits into \(counted(sizes.count, "part")), but has \(counted(node.node.outputs.count, "output"))")
        }
    }
}

extension Split: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), parts = call.node.outputs.count
        guard let dims = data.dims else { return [Fact](repeating: Fact(data.elementType), count: parts) }
        let axis = try call.axis(call.int("axis", 0), rank: dims.count)
        let sizes = try inferredSizes(call, of: dims[axis])
        var place = 0
        return try sizes.map { size in
            var part = dims
            part[axis] = size
            guard let elements = data.integers, dims.count == 1, let count = size.value else { return Fact(data.elementType, part) }
            guard count >= 0, place + count <= elements.count else { throw ModelError(.invalidGraph, "cannot split axis \(axis) of \(dims.text) into parts of \(sizes.text)") }
            defer { place += count }
            return Fact(data.elementType, part, integers: Array(elements[place..<place + count]))
        }
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let axis = try call.axis(call.int("axis", 0), rank: data.dims.count)
        let sizes = try sizes(call, of: data.dims[axis])
        return try data.parts(call, axis: axis, sizes: sizes).map { .tensor($0) }
    }

    /// The sizes of the parts, as far as they are known.
    private static func inferredSizes(_ call: InferenceCall, of dim: Dim) throws -> [Dim] {
        let count = call.node.outputs.count, parts = try call.int("num_outputs") ?? count
        let stated = try call.opset < 13 ? call.ints("split")?.map(Dim.value) : nil
        if stated != nil || call.hasInput(1) {
            guard let sizes = try stated ?? call.integers(1) else { return [Dim](repeating: .unknown, count: count) }
            guard sizes.count == count else { throw ModelError(.invalidGraph, "splits into \(sizes.count) parts, but has \(count) outputs") }
            if Dim.sum(sizes).isDifferent(from: dim) {
                throw ModelError(.invalidGraph, "cannot split an axis of \(dim) into parts of \(sizes.text): they must add up to it")
            }
            return sizes.map(\.ifSize)
        }
        guard parts >= 1, parts == count else { throw ModelError(.invalidGraph, "num_outputs is \(parts), but there are \(count) outputs") }
        if case .value(let dim) = dim { return try equalParts(dim, parts, opset: call.opset).map(Dim.value) }
        // What does not divide leaves the last parts shorter.
        if call.opset >= 18, dim.floorDiv(parts) * parts != dim { return [dim.ceilDiv(parts)] + [Dim](repeating: .unknown, count: parts - 1) }
        return [Dim](repeating: dim.floorDiv(parts), count: parts)
    }

    private static func sizes(_ call: Call, of dim: Int) throws -> [Int] {
        let parts = try call.int("num_outputs") ?? call.node.outputs.count
        // Version 1 had them as an attribute or as an input.
        if let sizes = try (call.opset < 13 ? call.ints("split") : nil) ?? call.ints(1) {
            guard sizes.count == call.node.outputs.count else {
                throw ModelError(.invalidGraph, "splits into \(sizes.count) parts, but has \(call.node.outputs.count) outputs")
            }
            return sizes
        }
        guard parts >= 1, parts == call.node.outputs.count else {
            throw ModelError(.invalidGraph, "num_outputs is \(parts), but there are \(call.node.outputs.count) outputs")
        }
        return try equalParts(dim, parts, opset: call.opset)
    }

    private static func equalParts(_ dim: Int, _ parts: Int, opset: Int) throws -> [Int] {
        let size = ceilDivide(dim, parts)
        guard opset >= 18 || dim % parts == 0 else {
            throw ModelError(.invalidGraph, "cannot split \(dim) into \(parts) equal parts")
        }
        return (0..<parts).map { max(0, min(size, dim - min(dim, $0 * size))) }
    }
}

extension Tensor {
    /// Consecutive parts along an axis, whose sizes must add up to it.
    func parts(_ call: Call, axis: Int, sizes: [Int]) throws -> [Tensor] {
        guard sizes.allSatisfy({ $0 >= 0 }), sizes.reduce(Optional(0), { sum, size in sum.flatMap { checkedAdd($0, size) } }) == dims[axis] else {
            throw ModelError(.invalidGraph, "cannot split axis \(axis) of \(dims) into parts of \(sizes): they must add up to \(dims[axis])")
        }
        var mover = try CellMover(call, elementType)
        let source = try mover.cells(self), strides = denseStrides(dims)
        var place = 0
        return try sizes.map { size in
            let part = dims.replacing(axis, with: size)
            let result = try mover.newCells(part)
            result.copy(part, from: source, Stepping(offset: place * strides[axis], steps: strides), to: Stepping(steps: denseStrides(part)))
            place += size
            return try mover.tensor(result)
        }
    }
}
