package import Tensors

package enum Unsqueeze: Inferring, Runnable {
    package static let name: Name = "Unsqueeze"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard let given = try call.opset < 13 ? call.ints("axes") : call.numbers(1) else {
            if call.opset < 13 || !call.hasInput(1) { throw ModelError(.invalidGraph, "axes are missing") }
            guard let dims = data.dims, let count = try call.integers(1)?.count else { return [Fact(data.elementType)] }
            return [Fact(data.elementType, [Dim](repeating: .unknown, count: dims.count + count))]
        }
        guard let dims = data.dims else { return [Fact(data.elementType)] }
        let rank = dims.count + given.count, axes = try call.axes(given, rank: rank)
        var isNew = [Bool](repeating: false, count: rank)
        for axis in axes { isNew[axis] = true }
        var rest = dims.makeIterator()
        return [data.reshaped(isNew.map { $0 ? 1 : rest.next() ?? 1 })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard let given = try call.opset < 13 ? call.ints("axes") : call.ints(1) else { throw ModelError(.invalidGraph, "axes are missing") }
        let rank = data.dims.count + given.count
        let axes = Set(try call.axes(given, rank: rank))
        var rest = data.dims.makeIterator()
        return [.tensor(data.reshaped((0..<rank).map { axes.contains($0) ? 1 : rest.next() ?? 1 }))]
    }
}
