package import Tensors

package enum Gather: Checkable, Inferring {
    package static let name: Name = "Gather"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension Gather: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), indices = try call.tensor(1)
        guard let dims = data.dims else { return [Fact(data.elementType)] }
        let axis = try call.axis(call.int("axis", 0), rank: dims.count)
        guard let places = indices.dims else { return [Fact(data.elementType)] }
        let result = dims[..<axis] + places + dims[(axis + 1)...]
        guard let elements = data.integers, dims.count == 1, let numbers = indices.integers else { return [Fact(data.elementType, Array(result))] }
        let taken = try numbers.map { try $0.value.map { elements[try cellIndex($0, dim: elements.count)] } ?? .unknown }
        return [Fact(data.elementType, Array(result), integers: places.count <= 1 ? taken : nil)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), indices = try call.tensor(1)
        let axis = try call.axis(call.int("axis", 0), rank: data.dims.count)
        let numbers = try indices.integers("input 1, the indices,")
        return [.tensor(try data.taking(numbers, axis: axis, dims: indices.dims, call))]
    }
}

extension Tensor {
    /// The cells of an axis that `indices` name; `dims` take the axis' place.
    func taking(_ indices: [Int], axis: Int, dims indexDims: [Int], _ call: Call) throws -> Tensor {
        let split = AxisSplit(dims, at: axis)
        let result = Array(dims[..<axis]) + indexDims + Array(dims[(axis + 1)...])
        let places = try indices.map { try cellIndex($0, dim: split.dim) }
        var mover = try CellMover(call, elementType)
        let source = try mover.cells(self), cells = try mover.newCells(result)
        guard cells.count > 0 else { return try mover.tensor(cells) }
        let offsets = places.map { $0 * split.inner }
        for outer in 0..<split.outer {
            let base = outer * split.dim * split.inner
            cells.gather(from: source, at: outer == 0 ? offsets : offsets.map { $0 + base }, block: split.inner, to: outer * offsets.count * split.inner)
        }
        return try mover.tensor(cells)
    }
}
