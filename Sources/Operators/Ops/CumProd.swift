package import Tensors

package enum CumProd: Inferring, Runnable {
    package static let name: Name = "CumProd"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] { try call.cumulate(Function(), start: 1) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.times(b) }
    }
}
