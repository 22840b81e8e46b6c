package import Tensors

package enum Compress: Inferring, Runnable {
    package static let name: Name = "Compress"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), condition = try call.tensor(1)
        if let type = condition.elementType, type != .bool { throw ModelError(.invalidGraph, "the condition is \(condition), BOOL of one dimension is needed") }
        guard let given = try call.int("axis") else { return [Fact(data.elementType, [.unknown])] }
        guard var dims = data.dims else { return [Fact(data.elementType)] }
        let axis = try call.axis(given, rank: dims.count)
        let chosen = condition.integers?.numbers, size = dims[axis].value
        dims[axis] = if let chosen, let size { .value(chosen.prefix(size).count { $0 != 0 }) } else { .unknown }
        return [Fact(data.elementType, dims)]
    }

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
