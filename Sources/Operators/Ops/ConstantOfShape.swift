package import Tensors

package enum ConstantOfShape: Checkable, Inferring {
    package static let name: Name = "ConstantOfShape"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        if let dim = node.constantInts(0)?.first(where: { $0 < 0 }) {
            report.error("its shape holds \(dim), sizes are at least 0")
        }
    }
}

extension ConstantOfShape: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let value = try call.tensor("value") ?? .filled(.float, with: 0, dims: [1])
        guard value.elementCount == 1 else { throw ModelError(.invalidGraph, "value has dims \(value.dims), one element is needed") }
        guard let shape = try call.hasInput(0) ? call.integers(0) : [] else { return [Fact(value.elementType)] }
        if let wrong = shape.first(where: { ($0.value ?? 0) < 0 }) { throw ModelError(.invalidGraph, "the shape holds \(wrong), sizes are at least 0") }
        let dims = shape.map(\.ifSize)
        guard dims.count <= 1, let count = Dim.product(dims).value, count <= Fact.integerLimit, let number = Fact(constant: value.reshaped([])).integers?.first else {
            return [Fact(value.elementType, dims)]
        }
        return [Fact(value.elementType, dims, integers: [Dim](repeating: number, count: count))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let dims = try call.ints(0) ?? []
        let value = try call.tensor("value") ?? .filled(.float, with: 0, dims: [1])
        guard dims.allSatisfy({ $0 >= 0 }) else { throw ModelError(.invalidGraph, "the shape is \(dims), sizes are at least 0") }
        guard value.elementCount == 1 else { throw ModelError(.invalidGraph, "value has dims \(value.dims), one element is needed") }
        var mover = try CellMover(call, value.elementType)
        let source = try mover.cells(value), result = try mover.newCells(dims)
        result.fill(with: source)
        return [.tensor(try mover.tensor(result))]
    }
}
