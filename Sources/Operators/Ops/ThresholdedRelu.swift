package import Tensors

package enum ThresholdedRelu: Inferring, Runnable {
    package static let name: Name = "ThresholdedRelu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(alpha: call.float("alpha", 1)))
    }

    private struct Function: RealFunction {
        let alpha: Float

        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            x > T(alpha) ? x : 0
        }
    }
}
