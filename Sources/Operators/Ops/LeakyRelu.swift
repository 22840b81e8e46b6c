package import Tensors

package enum LeakyRelu: Inferring, Runnable {
    package static let name: Name = "LeakyRelu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(alpha: call.float("alpha", 0.01)))
    }

    private struct Function: RealFunction {
        let alpha: Float

        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            x < 0 ? x * T(alpha) : x
        }
    }
}
