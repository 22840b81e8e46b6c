package import Tensors

package enum Compress: Runnable {
    package static let name: Name = "Compress"

    package static func run(_ call: Call) throws -> [Value?] {
        var data = try call.tensor(0)
        let condition = try call.tensor(1)
        guard condition.elementType == .bool, condition.dims.count == 1 else {
            throw ModelError(.invalidGraph, "the condition is \(condition.elementType)\(condition.dims), BOOL of one dimension is needed")
        }
        let given = try call.int("axis")
        if given == nil { data = try data.reshaped(checking: [checkedCount(data.dims)]) }
        let axis = try call.axis(given ?? 0, rank: data.dims.count)
        let chosen = try condition.elements(as: UInt8.self).enumerated().filter { $0.element != 0 }.map(\.offset)
        return [.tensor(try data.taking(chosen.filter { $0 < data.dims[axis] }, axis: axis, dims: [chosen.count { $0 < data.dims[axis] }], call))]
    }
}
