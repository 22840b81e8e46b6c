package import Tensors

/// NaN has no sign and stays.
package enum Sign: Inferring, Runnable {
    package static let name: Name = "Sign"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.map(Function()) }

    private struct Function: NumberFunction {
        @inline(__always)
        func apply<T: Number>(_ x: T) -> T { x.isNotANumber ? x : x > 0 ? 1 : x < 0 ? (0 as T).minus(1) : 0 }
    }
}
