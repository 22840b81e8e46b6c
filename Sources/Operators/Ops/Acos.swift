package import Tensors

package enum Acos: Inferring, Runnable {
    package static let name: Name = "Acos"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Function())
    }

    private struct Function: RealFunction {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> T {
            .arcCosine(x)
        }
    }
}
