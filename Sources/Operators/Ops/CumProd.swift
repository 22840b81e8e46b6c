package import Tensors

package enum CumProd: Runnable {
    package static let name: Name = "CumProd"

    package static func run(_ call: Call) throws -> [Value?] { try call.cumulate(Function(), start: 1) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.times(b) }
    }
}
