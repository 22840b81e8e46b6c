package import Tensors

package enum Asinh: Runnable {
    package static let name: Name = "Asinh"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            .inverseHyperbolicSine(x)
        }
    }
}
