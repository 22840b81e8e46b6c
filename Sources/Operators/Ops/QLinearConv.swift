package import Tensors

package enum QLinearConv: Checkable, Inferring, Runnable {
    package static let name: Name = "QLinearConv"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkWindow(weights: 3, into: &report)
        node.checkGroup(weights: 3, into: &report)
        node.checkScale(1, into: &report)
        node.checkScale(4, into: &report)
        node.checkScale(6, into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(7), try call.convolution(call.dims(0), call.dims(3)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (x, w) = (try call.tensor(0), try call.tensor(3))
        let convolution = try Convolution(call, x: x, w: w)
        if let bias = try call.optionalTensor(8), bias.elementType != .int32 { throw ModelError(.invalidGraph, "the bias is \(bias.elementType), INT32 is needed") }
        let bias = try call.optionalTensor(8).map { try $0.elements(as: Int32.self).array } ?? []
        let scales = try call.tensor(4).floats("the weights' scale")
        let outputs = w.dims[0]
        guard bias.isEmpty || bias.count == outputs, scales.count == 1 || scales.count == outputs else {
            throw ModelError(.invalidGraph, "\(bias.count) biases and \(scales.count) scales for \(outputs) output channels")
        }
        let y = try call.newElements(convolution.dims, Int32.self)
        try convolution.runExactly(
            Quantized.centred(x, call.tensor(2), axis: 0, "the input"), Quantized.centred(w, call.tensor(5), axis: 0, "the weights"),
            bias: bias, into: y, threads: call.environment.threads)
        let xScale = try Quantized.scale(call.tensor(1), "the input's scale"), yScale = try Quantized.scale(call.tensor(6), "the result's scale")
        let (zero, type) = try Quantized.zero(call.tensor(7), "the result's zero point")
        let factors = scales.map { xScale * $0 / yScale }
        return [.tensor(try Quantized.requantize(y, factors, inner: convolution.window.positions, zero: zero, type, convolution.dims))]
    }
}
