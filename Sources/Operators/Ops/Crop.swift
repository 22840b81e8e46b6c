package import Tensors

/// Experimental until opset 10: cuts a border off images.
package enum Crop: Inferring, Runnable {
    package static let name: Name = "Crop"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard let border = try call.ints("border"), border.count == 4, border.allSatisfy({ $0 >= 0 && $0 <= 1 << 48 }) else {
            throw ModelError(.invalidGraph, "border must have four numbers of at least 0: left, top, right, bottom")
        }
        guard let dims = data.dims else { return [Fact(data.elementType, [.unknown, .unknown, .unknown, .unknown])] }
        guard dims.count == 4 else { throw ModelError(.invalidGraph, "input 0 is \(data), 4 dimensions are needed") }
        if let scale = try call.ints("scale"), scale.count == 2 { return [Fact(data.elementType, dims[..<2] + scale.map { Dim.value($0).ifSize })] }
        return [Fact(data.elementType, dims[..<2] + [(dims[2] - (border[1] + border[3])).ifSize, (dims[3] - (border[0] + border[2])).ifSize])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        try data.checkRank(4, "input 0")
        guard let border = try call.ints("border"), border.count == 4, border.allSatisfy({ $0 >= 0 && $0 <= 1 << 48 }) else {
            throw ModelError(.invalidGraph, "border must have four numbers of at least 0: left, top, right, bottom")
        }
        let scale = try call.ints("scale")
        guard scale == nil || (scale?.count == 2 && scale?.allSatisfy { $0 >= 0 && $0 <= 1 << 48 } == true) else {
            throw ModelError(.invalidGraph, "scale is \(scale ?? []), a height and a width are needed")
        }
        let bottom = scale.map { border[1] + $0[0] } ?? data.dims[2] - border[3]
        let right = scale.map { border[0] + $0[1] } ?? data.dims[3] - border[2]
        guard border[1] <= bottom, bottom <= data.dims[2], border[0] <= right, right <= data.dims[3] else {
            throw ModelError(.invalidGraph, "border \(border) does not fit images of \(data.dims)")
        }
        let dims = [data.dims[0], data.dims[1], bottom - border[1], right - border[0]], steps = denseStrides(data.dims)
        let from = Stepping(offset: dims.contains(0) ? 0 : border[1] * steps[2] + border[0], steps: steps)
        return [.tensor(try CellMover.view(call, data, dims, from))]
    }
}
