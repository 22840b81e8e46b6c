internal import ModelGraph
package import Tensors

package enum Concat: Checkable {
    package static let name: Name = "Concat"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension Concat: Runnable {
    package static func run(_ call: Call) throws -> [Value?] {
        let tensors = try call.inputs.indices.map { try call.tensor($0) }
        let axis = try call.int("axis")
        return [.tensor(try tensors.joined(call, axis: call.opset < 4 ? axis ?? 1 : call.required("axis", axis)))]
    }
}

extension [Tensor] {
    /// All of them in a row along an axis; other axes must have the same size.
    func joined(_ call: Call, axis: Int) throws -> Tensor {
        guard let first else { throw ModelError(.invalidGraph, "there is no tensor to join, at least one is needed") }
        let axis = try call.axis(axis, rank: first.dims.count)
        var total = 0
        for tensor in self {
            guard tensor.dims.count == first.dims.count, tensor.dims.replacing(axis, with: 0) == first.dims.replacing(axis, with: 0) else {
                throw ModelError(.invalidGraph, "cannot join \(first.dims) and \(tensor.dims) along axis \(axis): another axis differs")
            }
            guard let sum = checkedAdd(total, tensor.dims[axis]) else { throw ModelError(.limit, "the joined tensor is too large") }
            total = sum
        }
        if count == 1 { return first }
        var mover = try CellMover(call, first.elementType)
        let result = try mover.newCells(first.dims.replacing(axis, with: total))
        let strides = denseStrides(result.dims)
        var place = 0
        for (index, tensor) in enumerated() {
            let source = try mover.cells(tensor, "input \(index)")
            result.copy(tensor.dims, from: source, Stepping(steps: denseStrides(tensor.dims)), to: Stepping(offset: place * strides[axis], steps: strides))
            place += tensor.dims[axis]
        }
        return try mover.tensor(result)
    }
}
