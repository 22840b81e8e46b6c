package import Tensors

package enum Squeeze: Runnable {
    package static let name: Name = "Squeeze"

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
