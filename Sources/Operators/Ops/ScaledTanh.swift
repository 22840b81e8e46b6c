package import Tensors

/// Of the first operator sets; ONNX Runtime still runs it.
package enum ScaledTanh: Inferring, Runnable {
    package static let name: Name = "ScaledTanh"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(alpha: call.float("alpha", 1), beta: call.float("beta", 1)))
    }

    private struct Function: RealFunction {
        let alpha: Float
        let beta: Float

        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            T(alpha) * .hyperbolicTangent(T(beta) * x)
        }
    }
}
