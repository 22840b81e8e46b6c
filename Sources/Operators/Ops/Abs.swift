package import Tensors

package enum Abs: Inferring, Runnable {
    package static let name: Name = "Abs"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.map(Function()) }

    private struct Function: NumberFunction {
        @inline(__always)
        func apply<T: Number>(_ x: T) -> T { x.absolute }
    }
}
