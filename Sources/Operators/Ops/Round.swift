package import Tensors

/// Halves go to the even neighbour.
package enum Round: Runnable {
    package static let name: Name = "Round"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            x.rounded(.toNearestOrEven)
        }
    }
}
