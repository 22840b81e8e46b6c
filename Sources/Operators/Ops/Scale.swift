package import Tensors

/// Of the first operator sets.
package enum Scale: Inferring, Runnable {
    package static let name: Name = "Scale"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(scale: call.float("scale", 1)))
    }

    private struct Function: RealFunction {
        let scale: Float

        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            T(scale) * x
        }
    }
}
