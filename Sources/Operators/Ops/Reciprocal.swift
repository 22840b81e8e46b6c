package import Tensors

package enum Reciprocal: Runnable {
    package static let name: Name = "Reciprocal"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            1 / x
        }
    }
}
