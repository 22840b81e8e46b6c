package import Tensors

package enum ConvInteger: Checkable, Inferring, Runnable {
    package static let name: Name = "ConvInteger"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkWindow(weights: 1, into: &report)
        node.checkGroup(weights: 1, into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.int32, try call.convolution(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (x, w) = (try call.tensor(0), try call.tensor(1))
        let convolution = try Convolution(call, x: x, w: w)
        let y = try call.newElements(convolution.dims, Int32.self)
        try convolution.runExactly(
            Quantized.centred(x, call.optionalTensor(2), axis: 0, "the input"), Quantized.centred(w, call.optionalTensor(3), axis: 0, "the weights"),
            bias: [], into: y, threads: call.environment.threads)
        return [.tensor(y.tensor(.int32, convolution.dims))]
    }
}
