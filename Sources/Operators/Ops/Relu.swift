package import Tensors

/// NaN stays.
package enum Relu: Inferring, Runnable {
    package static let name: Name = "Relu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.map(Function()) }

    private struct Function: NumberFunction {
        @inline(__always)
        func apply<T: Number>(_ x: T) -> T { x < 0 ? 0 : x }
    }
}
