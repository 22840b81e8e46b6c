package import Tensors

package enum Mean: Inferring, Runnable {
    package static let name: Name = "Mean"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.folded() }

    package static func run(_ call: Call) throws -> [Value?] { try call.fold(Addition(), finish: Division()) }

    private struct Addition: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.plus(b) }
    }

    private struct Division: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.divided(by: b) }
    }
}
