package import Tensors

package enum CumSum: Runnable {
    package static let name: Name = "CumSum"

    package static func run(_ call: Call) throws -> [Value?] { try call.cumulate(Function(), start: 0) }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.plus(b) }
    }
}
