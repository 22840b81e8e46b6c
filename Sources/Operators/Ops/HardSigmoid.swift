package import Tensors

package enum HardSigmoid: Inferring, Runnable {
    package static let name: Name = "HardSigmoid"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(alpha: call.float("alpha", 0.2), beta: call.float("beta", 0.5)))
    }

    private struct Function: RealFunction {
        let alpha: Float
        let beta: Float

        /// Swift's min and max keep a NaN that comes first.
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            min(max(T(alpha) * x + T(beta), 0), 1)
        }
    }
}
