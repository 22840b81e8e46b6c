package import Tensors

/// Halves go to the even neighbour.
package enum Round: Inferring, Runnable {
    package static let name: Name = "Round"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

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
