package import Tensors

package enum Squeeze: Inferring, Runnable {
    package static let name: Name = "Squeeze"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard let dims = data.dims else { return [Fact(data.elementType)] }
        let isGiven = try call.opset < 13 ? call.ints("axes") != nil : call.hasInput(1)
        guard isGiven else {
            // A size that may be 1 may be left out.
            guard dims.allSatisfy({ $0 == 1 || $0.isDifferent(from: 1) }) else { return [Fact(data.elementType)] }
            return [data.reshaped(dims.filter { $0 != 1 })]
        }
        guard let given = try call.opset < 13 ? call.ints("axes") : call.numbers(1) else {
            guard let count = try call.integers(1)?.count, count <= dims.count else { return [Fact(data.elementType)] }
            return [Fact(data.elementType, [Dim](repeating: .unknown, count: dims.count - count))]
        }
        let axes = Set(try call.axes(given, rank: dims.count))
        for axis in axes.sorted() where dims[axis].isDifferent(from: 1) {
            throw ModelError(.invalidGraph, "cannot leave out axis \(axis) of \(dims.text): it has \(dims[axis]), not 1")
        }
        return [data.reshaped(dims.indices.filter { !axes.contains($0) }.map { dims[$0] })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard let given = try call.opset < 13 ? call.ints("axes") : call.ints(1) else {
            return [.tensor(data.reshaped(data.dims.filter { $0 != 1 }))]
        }
        let axes = Set(try call.axes(given, rank: data.dims.count))
        for axis in axes.sorted() where data.dims[axis] != 1 {
            throw ModelError(.invalidGraph, "cannot leave out axis \(axis) of \(data.dims): it has \(data.dims[axis]), not 1")
        }
        return [.tensor(data.reshaped(data.dims.indices.filter { !axes.contains($0) }.map { data.dims[$0] }))]
    }
}
