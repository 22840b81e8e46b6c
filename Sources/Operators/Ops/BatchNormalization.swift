package import Tensors

package enum BatchNormalization: Inferring, Runnable {
    package static let name: Name = "BatchNormalization"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0)
        if let dims = x.dims, dims.isEmpty { throw ModelError(.invalidGraph, "the input is a scalar, at least 1 dimension is needed") }
        let isSpatial = try call.opset >= 9 || call.bool("spatial", true)
        let channels = x.dims.map { $0.count < 2 ? 1 : isSpatial ? $0[1] : Dim.product($0[1...]) } ?? .unknown
        return [Fact(x.elementType, x.dims)] + [Fact](repeating: Fact(try call.hasInput(3) ? call.type(3) : nil, [channels]), count: 4)
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        guard let batch = x.dims.first else { throw ModelError(.invalidGraph, "the input is a scalar, at least 1 dimension is needed") }
        // Before operator set 9, statistics could be per element instead of per channel.
        let isSpatial = try call.opset >= 9 || call.bool("spatial", true)
        let channels = x.dims.count < 2 ? 1 : isSpatial ? x.dims[1] : x.dims.dropFirst().reduce(1, *)
        let plane = isSpatial ? x.dims.dropFirst(2).reduce(1, *) : 1
        let scale: [T] = try call.vector(1, count: channels, "the scale") ?? [], bias: [T] = try call.vector(2, count: channels, "the bias") ?? []
        var mean: [T] = try call.vector(3, count: channels, "the mean") ?? [], variance: [T] = try call.vector(4, count: channels, "the variance") ?? []
        guard [scale, bias, mean, variance].allSatisfy({ $0.count == channels }) else { throw ModelError(.invalidGraph, "5 inputs are needed") }
        let epsilon = T(try call.float("epsilon", 1e-5)), momentum = T(try call.float("momentum", 0.9))
        let values = try T.load(x, "the input")
        let isTraining = try call.opset >= 14 ? call.bool("training_mode") : call.opset < 7 ? !call.bool("is_test") && call.wants(1) : call.wants(1)
        var outputs: [[T]] = []
        if isTraining {
            let own = statistics(values, batch, channels, plane)
            // Operator set 14 asks for the population's variance in both places.
            outputs = [zip(mean, own.mean).map { $0 * momentum + $1 * (1 - momentum) }, zip(variance, own.variance).map { $0 * momentum + $1 * (1 - momentum) }]
            (mean, variance) = own
            if call.opset < 14 { outputs += [mean, variance] }
        }
        let y = try call.newElements(x.dims, T.self)
        unsafe values.withPointer { x in
            unsafe y.withPointer { y in
                for row in 0..<(plane == 0 ? 0 : batch * channels) {
                    let channel = row % channels
                    let factor = scale[channel] / (variance[channel] + epsilon).squareRoot(), shift = bias[channel] - mean[channel] * factor
                    for i in row * plane..<(row + 1) * plane { unsafe y[i] = unsafe x[i] * factor + shift }
                }
            }
        }
        let type = try call.tensor(3).elementType
        return [.tensor(try T.store(y, as: x.elementType, x.dims))]
            + (try outputs.map { .tensor(try T.store(NewElements($0), as: type, [channels])) })
    }

    private static func statistics<T: RealElement>(_ x: Elements<T>, _ batch: Int, _ channels: Int, _ plane: Int) -> (mean: [T], variance: [T]) {
        var means: [T] = [], variances: [T] = []
        let count = T(max(1, batch * plane))
        unsafe x.withPointer { x in
            for channel in 0..<channels {
                let parts = unsafe (0..<batch).map { unsafe x + ($0 * channels + channel) * plane }
                let mean = unsafe parts.reduce(0) { unsafe $0 + Normalization.sum($1, plane, from: nil) } / count
                means.append(mean)
                variances.append(unsafe parts.reduce(0) { unsafe $0 + Normalization.sum($1, plane, from: mean) } / count)
            }
        }
        return (means, variances)
    }
}
