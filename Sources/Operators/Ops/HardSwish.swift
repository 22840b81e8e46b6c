package import Tensors

/// x HardSigmoid(x) with alpha 1/6 and beta 1/2.
package enum HardSwish: Inferring, Runnable {
    package static let name: Name = "HardSwish"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        /// Swift's min and max keep a NaN that comes first.
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            x * min(max(x / 6 + 0.5, 0), 1)
        }
    }
}
