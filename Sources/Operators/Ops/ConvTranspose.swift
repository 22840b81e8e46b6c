package import Tensors

package enum ConvTranspose: Checkable, Inferring, Runnable {
    package static let name: Name = "ConvTranspose"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkWindow(weights: 1, into: &report)
        // Its weights are [in, out / group, window]: any group fits the outputs.
        node.checkGroup(weights: 1, outputAxis: nil, into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.commonType(0..<3), try call.transposedConvolution(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (x, w) = (try call.tensor(0), try call.tensor(1))
        return [.tensor(x.elementType == .double ? try run(call, x, w, Double.self) : try run(call, x, w, Float.self))]
    }

    private static func run<T: RealElement>(_ call: Call, _ x: Tensor, _ w: Tensor, _: T.Type) throws -> Tensor {
        let convolution = try TransposedConvolution(call, x: x, w: w)
        let y = try call.newElements(convolution.dims, T.self)
        let bias = try call.vector(2, count: convolution.dims[1], "the bias", T.self) ?? []
        try convolution.run(T.load(x, "the input"), T.load(w, "the weights"), bias: bias, into: y, threads: call.environment.threads)
        return try T.store(y, as: x.elementType, convolution.dims)
    }
}
