package import Tensors

package enum STFT: Runnable {
    package static let name: Name = "STFT"

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
