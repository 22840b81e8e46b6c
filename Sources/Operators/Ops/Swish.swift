package import Tensors

package enum Swish: Runnable {
    package static let name: Name = "Swish"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function(alpha: call.float("alpha", 1)))
    }

    private struct Function: RealFunction {
        let alpha: Float

        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            x * .sigmoid(T(alpha) * x)
        }
    }
}
