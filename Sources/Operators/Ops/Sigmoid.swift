package import Tensors

package enum Sigmoid: Runnable {
    package static let name: Name = "Sigmoid"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            .sigmoid(x)
        }
    }
}
