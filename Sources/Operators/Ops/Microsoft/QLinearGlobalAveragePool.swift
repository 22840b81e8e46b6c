internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.QLinearGlobalAveragePool`.
package enum QLinearGlobalAveragePool: Inferring, Runnable {
    package static let name: Name = "QLinearGlobalAveragePool"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0), isLast = try call.bool("channels_last")
        let type = try call.hasInput(4) ? call.type(4) : x.elementType
        guard let dims = x.dims else { return [Fact(type)] }
        guard dims.count >= 3 else { throw ModelError(.invalidGraph, "cannot pool \(x): at least 3 dimensions are needed") }
        let channels = isLast ? dims.count - 1 : 1
        return [Fact(type, dims.indices.map { $0 == 0 || $0 == channels ? dims[$0] : 1 })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), isLast = try call.bool("channels_last")
        guard x.dims.count >= 3 else { throw ModelError(.invalidGraph, "cannot pool \(x.dims): at least 3 dimensions are needed") }
        let channels = isLast ? x.dims[x.dims.count - 1] : x.dims[1], plane = (isLast ? x.dims[1..<(x.dims.count - 1)] : x.dims[2...]).reduce(1, *)
        let dims = x.dims.indices.map { $0 == 0 || $0 == (isLast ? x.dims.count - 1 : 1) ? x.dims[$0] : 1 }
        let values = try Quantized.centred(x, call.optionalTensor(2), axis: 0, "the input")
        let scale = try Quantized.scale(call.tensor(1), "the input's scale") / Quantized.scale(call.tensor(3), "the result's scale")
        let (zero, stated) = try Quantized.zero(call.optionalTensor(4), "the result's zero point")
        let sums = try call.newElements(dims, Int32.self)
        for row in 0..<sums.count {
            let (item, channel) = (row / max(1, channels), row % max(1, channels))
            var sum: Int32 = 0
            for i in 0..<plane { sum &+= Int32(values[isLast ? (item * plane + i) * channels + channel : row * plane + i]) }
            sums[row] = sum
        }
        let type = call.hasInput(4) ? stated : x.elementType
        return [.tensor(try Quantized.requantize(sums, [scale / Float(max(1, plane))], inner: max(1, sums.count), zero: zero, type, dims))]
    }
}
