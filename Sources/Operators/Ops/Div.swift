package import Tensors

package enum Div: Runnable {
    package static let name: Name = "Div"

    package static func run(_ call: Call) throws -> [Value?] {
        try call.checkDivisor()
        return try call.combine(Function())
    }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.divided(by: b) }
    }
}
