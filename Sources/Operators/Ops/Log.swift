package import Tensors

package enum Log: Runnable {
    package static let name: Name = "Log"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            .logarithm(x)
        }
    }
}
