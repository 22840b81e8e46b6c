package import Tensors

package enum Sum: Inferring, Runnable {
    package static let name: Name = "Sum"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.folded(+) }

    package static func run(_ call: Call) throws -> [Value?] { try call.fold(Function()) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.plus(b) }
    }
}
