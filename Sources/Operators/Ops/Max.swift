package import Tensors

/// NaN wins.
package enum Max: Inferring, Runnable {
    package static let name: Name = "Max"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.folded { .max($0, $1) } }

    package static func run(_ call: Call) throws -> [Value?] { try call.fold(Function()) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { b > a || b.isNotANumber ? b : a }
    }
}
