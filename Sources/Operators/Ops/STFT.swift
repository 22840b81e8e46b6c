package import Tensors

package enum STFT: Inferring, Runnable {
    package static let name: Name = "STFT"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0)
        if let rank = x.rank, rank != 2, rank != 3 { throw ModelError(.invalidGraph, "the signal is \(x), [batch, length, 1 or 2] is needed") }
        let step = try call.integers(1)?.first ?? .unknown
        let length = try call.hasInput(3) ? call.integers(3)?.first?.ifSize ?? .unknown : call.hasInput(2) ? call.tensor(2).elementCount : .unknown
        let parts: Dim = x.dims.map { $0.count == 3 ? $0[2] : 1 } ?? .unknown
        let bins: Dim = try !call.bool("onesided", true) || parts == 2 ? length : parts == 1 ? length.floorDiv(2) + 1 : .unknown
        let frames = step.isPositive ? ((x.dims?[1] ?? .unknown) - length).floorDiv(step) + 1 : .unknown
        return [Fact(x.elementType, [x.dims?[0] ?? .unknown, frames.ifSize, bins, 2])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), dims = x.dims
        guard (2...3).contains(dims.count), dims.count == 2 || dims[2] == 1 || dims[2] == 2, let step = try call.ints(1)?.first, step >= 1 else {
            throw ModelError(.invalidGraph, "a signal of \(dims) and a step; [batch, length, 1 or 2] and at least 1 are needed")
        }
        let window = try call.optionalTensor(2).map { try Double.load($0, "the window") }
        guard let length = try call.ints(3)?.first ?? window?.count, length >= 1, window == nil || window?.count == length else {
            throw ModelError(.invalidGraph, "a window of \(window?.count ?? 0) for frames of \(try call.ints(3)?.first ?? 0): both must be equal")
        }
        let parts = dims.count == 3 ? dims[2] : 1, onesided = try call.bool("onesided", true) && parts == 1
        guard dims[1] >= length else { throw ModelError(.invalidGraph, "a signal of \(dims[1]) is shorter than a frame of \(length)") }
        let frames = (dims[1] - length) / step + 1, bins = onesided ? length / 2 + 1 : length
        let transform = try FourierTransform(length: length, inverse: false)
        let result = [dims[0], frames, bins, 2]
        let y = try call.newElements(result, Double.self)
        let values = try Double.load(x, "the signal")
        var line = [FourierTransform.Complex](repeating: .zero, count: length)
        for row in 0..<dims[0] * frames {
            let start = row / frames * dims[1] + row % frames * step
            for k in 0..<length {
                let factor = window?[k] ?? 1, at = (start + k) * parts
                line[k] = FourierTransform.Complex(re: values[at] * factor, im: parts == 2 ? values[at + 1] * factor : 0)
            }
            transform.apply(&line)
            for k in 0..<bins { (y[(row * bins + k) * 2], y[(row * bins + k) * 2 + 1]) = (line[k].re, line[k].im) }
        }
        return [.tensor(try Double.store(y, as: x.elementType, result))]
    }
}
