package import Tensors

package enum Expand: Runnable {
    package static let name: Name = "Expand"

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard let shape = try call.ints(1) else { throw ModelError(.invalidGraph, "input 1, the shape, is missing") }
        guard shape.allSatisfy({ $0 >= 0 }) else { throw ModelError(.invalidGraph, "shape \(shape) holds a negative size") }
        let broadcast = try Broadcast([data.dims, shape])
        if broadcast.dims == data.dims { return [.tensor(data)] }
        return [.tensor(try CellMover.view(call, data, broadcast.dims, Stepping(steps: broadcast.strides(of: data.dims))))]
    }
}
