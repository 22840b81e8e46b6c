package import Tensors

package enum Mul: Inferring, Runnable {
    package static let name: Name = "Mul"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combinedIntegers(*) }

    package static func run(_ call: Call) throws -> [Value?] { try call.combine(Function()) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.times(b) }
    }
}
