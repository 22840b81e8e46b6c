package import Tensors

package enum Tanh: Runnable {
    package static let name: Name = "Tanh"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            .hyperbolicTangent(x)
        }
    }
}
