internal import ModelGraph
package import Tensors

package enum Concat: Checkable, Inferring {
    package static let name: Name = "Concat"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(into: &report)
    }
}

extension Concat: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let stated = try call.int("axis")
        let axis = try call.opset < 4 ? stated ?? 1 : call.required("axis", stated)
        return [try call.joined(call.inputs.indices.map { try call.tensor($0) }, axis: axis)]
    }

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

extension InferenceCall {
    /// The tensors in a row along an axis.
    func joined(_ facts: [Fact], axis: Int) throws -> Fact {
        let type = try commonType(inputs.indices)
        guard let rank = facts.lazy.compactMap(\.rank).first else { return Fact(type) }
        let place = try self.axis(axis, rank: rank)
        guard facts.allSatisfy({ $0.rank ?? rank == rank }) else {
            throw ModelError(.invalidGraph, "cannot join \(facts.map(\.description).joined(separator: ", ")): the ranks differ")
        }
        let others = facts.map { $0.dims.map { Array($0[..<place] + [0] + $0[(place + 1)...]) } }
        guard var dims = try same(others, "cannot join along axis \(axis), another axis differs") else { return Fact(type) }
        dims[place] = Dim.sum(facts.map { $0.dims?[place] ?? .unknown })
        guard rank == 1, type == .int64 || type == .int32 else { return Fact(type, dims) }
        var elements: [Dim] = []
        for fact in facts {
            guard let more = fact.integers ?? fact.unknownIntegers, elements.count + more.count <= Fact.integerLimit else { return Fact(type, dims) }
            elements += more
        }
        return Fact(type, dims, integers: elements)
    }
}
