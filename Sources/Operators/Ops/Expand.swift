package import Tensors

package enum Expand: Inferring, Runnable {
    package static let name: Name = "Expand"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard let shape = try call.integers(1), let dims = data.dims else {
            if !call.hasInput(1) { throw ModelError(.invalidGraph, "input 1, the shape, is missing") }
            return [Fact(data.elementType)]
        }
        if let wrong = shape.first(where: { ($0.value ?? 0) < 0 }) { throw ModelError(.invalidGraph, "shape \(shape.text) holds \(wrong), sizes are at least 0") }
        let result = try call.broadcast([dims, shape.map(\.ifSize)])
        guard let result, result.count <= 1, let count = Dim.product(result).value, count <= Fact.integerLimit, let elements = data.integers, !elements.isEmpty else {
            return [Fact(data.elementType, result)]
        }
        return [Fact(data.elementType, result, integers: (0..<count).map { elements[elements.count == 1 ? 0 : $0] })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard let shape = try call.ints(1) else { throw ModelError(.invalidGraph, "input 1, the shape, is missing") }
        guard shape.allSatisfy({ $0 >= 0 }) else { throw ModelError(.invalidGraph, "shape \(shape) holds a negative size") }
        let broadcast = try Broadcast([data.dims, shape])
        if broadcast.dims == data.dims { return [.tensor(data)] }
        return [.tensor(try CellMover.view(call, data, broadcast.dims, Stepping(steps: broadcast.strides(of: data.dims))))]
    }
}
