package import Tensors

package enum Unsqueeze: Runnable {
    package static let name: Name = "Unsqueeze"

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard let given = try call.opset < 13 ? call.ints("axes") : call.ints(1) else { throw ModelError(.invalidGraph, "axes are missing") }
        let rank = data.dims.count + given.count
        let axes = Set(try call.axes(given, rank: rank))
        var rest = data.dims.makeIterator()
        return [.tensor(data.reshaped((0..<rank).map { axes.contains($0) ? 1 : rest.next() ?? 1 }))]
    }
}
