internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.FusedConv`: Conv, a fourth input that is added, and an activation.
package enum FusedConv: Inferring, Runnable {
    package static let name: Name = "FusedConv"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.convolution(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        guard case .tensor(var y)?? = try Conv.run(call).first else { throw ModelError(.internalFault, "a convolution gave no tensor") }
        if let other = try call.optionalTensor(3) {
            guard other.dims == y.dims else { throw ModelError(.invalidGraph, "cannot add \(other.dims) to a result of \(y.dims): both must be equal") }
            let (a, b) = (try y.floats("the result"), try other.floats("the addend"))
            let sum = try NewElements<Float>(a.count)
            unsafe a.withPointer { a in unsafe b.withPointer { b in unsafe sum.withPointer { sum in for i in 0..<y.dims.reduce(1, *) { unsafe sum[i] = unsafe a[i] + b[i] } } } }
            y = try Tensor.rounding(sum, to: y.elementType, y.dims)
        }
        return [.tensor(try FusedActivation.apply(call.string("activation", ""), call.floats("activation_params") ?? [], to: y))]
    }
}
