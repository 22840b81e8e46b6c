package import Tensors

package enum Celu: Inferring, Runnable {
    package static let name: Name = "Celu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(alpha: call.float("alpha", 1)))
    }

    private struct Function: RealFunction {
        let alpha: Float

        /// Swift's min and max keep a NaN that comes first.
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            max(x, 0) + min(T(alpha) * .exponentialMinusOne(x / T(alpha)), 0)
        }
    }
}
