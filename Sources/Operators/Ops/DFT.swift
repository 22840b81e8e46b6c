package import Tensors

package enum DFT: Inferring, Runnable {
    package static let name: Name = "DFT"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0)
        guard var dims = x.dims else { return [Fact(x.elementType)] }
        let rank = dims.count, inverse = try call.bool("inverse"), onesided = try call.bool("onesided"), isReal = inverse && onesided
        guard rank >= 2 else { throw ModelError(.invalidGraph, "the input is \(x); the last dimension is 1 (real) or 2 (complex), behind at least one more") }
        let last: Dim = isReal ? 1 : 2
        var stated: Int? = -2
        if call.opset < 20 { stated = try call.int("axis", 1) } else if call.hasInput(2) { stated = try call.numbers(2)?.first }
        guard let stated else { return [Fact(x.elementType, [Dim](repeating: .unknown, count: rank - 1) + [last])] }
        let axis = try call.axis(stated, rank: rank)
        let length = try call.hasInput(1) ? call.integers(1)?.first?.ifSize ?? .unknown : isReal ? .max(1, (dims[axis] - 1) * 2) : dims[axis]
        dims[axis] = onesided && !inverse ? length.floorDiv(2) + 1 : length
        dims[rank - 1] = last
        return [Fact(x.elementType, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), rank = x.dims.count
        let inverse = try call.bool("inverse"), onesided = try call.bool("onesided")
        guard rank >= 2, x.dims[rank - 1] == 1 || x.dims[rank - 1] == 2 else {
            throw ModelError(.invalidGraph, "the input has dims \(x.dims); the last must be 1 (real) or 2 (complex), behind at least one more")
        }
        let stated = call.opset >= 20 ? try call.ints(2)?.first ?? -2 : try call.int("axis", 1)
        let axis = try call.axis(stated, rank: rank)
        guard axis != rank - 1 else { throw ModelError(.invalidGraph, "axis \(stated) is the one of real and imaginary parts") }
        let isReal = inverse && onesided
        guard !onesided || inverse || x.dims[rank - 1] == 1 else { throw ModelError(.invalidGraph, "'onesided' needs a real input, \(x.dims) is complex") }
        let length = try call.ints(1)?.first ?? (isReal ? max(1, 2 * (x.dims[axis] - 1)) : x.dims[axis])
        let transform = try FourierTransform(length: length, inverse: inverse)
        var dims = x.dims
        dims[axis] = onesided && !inverse ? length / 2 + 1 : length
        dims[rank - 1] = isReal ? 1 : 2
        let y = try call.newElements(dims, Double.self)
        let values = try Double.load(x, "the input")
        let inner = dims[(axis + 1)..<(rank - 1)].reduce(1, *), outer = dims[..<axis].reduce(1, *), parts = x.dims[rank - 1]
        var line: [FourierTransform.Complex] = []
        for row in 0..<outer * inner {
            line = Array(repeating: .zero, count: length)
            for k in 0..<min(length, x.dims[axis]) {
                let at = ((row / inner * x.dims[axis] + k) * inner + row % inner) * parts
                line[k] = FourierTransform.Complex(re: values[at], im: parts == 2 ? values[at + 1] : 0)
            }
            // The other half of a real signal's spectrum mirrors this one.
            if isReal, length > 1 { for k in (length / 2 + 1)..<length { line[k] = line[length - k].conjugate } }
            transform.apply(&line)
            for k in 0..<dims[axis] {
                let at = ((row / inner * dims[axis] + k) * inner + row % inner) * dims[rank - 1]
                y[at] = line[k].re
                if !isReal { y[at + 1] = line[k].im }
            }
        }
        return [.tensor(try Double.store(y, as: x.elementType, dims))]
    }
}
