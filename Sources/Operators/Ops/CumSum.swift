package import Tensors

package enum CumSum: Inferring, Runnable {
    package static let name: Name = "CumSum"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.cumulate(Function(), start: 0) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.plus(b) }
    }
}
