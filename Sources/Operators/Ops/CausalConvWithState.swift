package import Tensors

package enum CausalConvWithState: Inferring, Runnable {
    package static let name: Name = "CausalConvWithState"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0), w = try call.dims(1)
        if let rank = x.rank, rank != 3 { throw ModelError(.invalidGraph, "the input is \(x), [batch, channels, length] is needed") }
        return [Fact(x.elementType, x.dims), Fact(x.elementType, [x.dims?[0] ?? .unknown, x.dims?[1] ?? .unknown, w?.last.map { $0 - 1 } ?? .unknown])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0), w = try call.tensor(1)
        guard x.dims.count == 3, w.dims.count == 3, w.dims[0] == x.dims[1], w.dims[1] == 1, w.dims[2] >= 1 else {
            throw ModelError(.invalidGraph, "cannot convolve \(x.dims) with weights \(w.dims); [batch, channels, length] and [channels, 1, size] are needed")
        }
        let activation = try call.string("activation", "none")
        guard ["none", "silu", "swish"].contains(activation) else {
            throw ModelError(.invalidGraph, "'activation' is '\(printable(activation))', none, silu or swish is needed")
        }
        let (batch, channels, length, before) = (x.dims[0], x.dims[1], x.dims[2], w.dims[2] - 1)
        let values = try T.load(x, "the input"), weights = try T.load(w, "the weights")
        let bias: [T]? = try call.vector(2, count: channels, "the bias")
        let stateDims = [batch, channels, before], all = before + length
        let past = try call.optionalTensor(3)
        guard past == nil || past?.dims == stateDims else { throw ModelError(.invalidGraph, "past_state has dims \(past?.dims ?? []), \(stateDims) is needed") }
        let state = try past.map { try T.load($0, "past_state") }
        let y = try call.newElements(x.dims, T.self), present = try call.newElements(stateDims, T.self)
        var line = [T](repeating: 0, count: batch * channels == 0 ? 0 : all)
        for row in 0..<batch * channels {
            for i in 0..<before { line[i] = state?[row * before + i] ?? 0 }
            for i in 0..<length { line[before + i] = values[row * length + i] }
            for i in 0..<length {
                var sum = bias?[row % channels] ?? 0
                for tap in 0...before { sum += weights[row % channels * (before + 1) + tap] * line[i + tap] }
                y[row * length + i] = activation == "none" ? sum : sum / (1 + T.exponential(-sum))
            }
            for i in 0..<before { present[row * before + i] = line[length + i] }
        }
        return [.tensor(try T.store(y, as: x.elementType, x.dims)), .tensor(try T.store(present, as: x.elementType, stateDims))]
    }
}
