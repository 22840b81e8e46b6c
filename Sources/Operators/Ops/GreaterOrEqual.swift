package import Tensors

package enum GreaterOrEqual: Runnable {
    package static let name: Name = "GreaterOrEqual"

    package static func run(_ call: Call) throws -> [Value?] { try call.compare(Function()) }

    private struct Function: NumberComparison {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> Bool { a >= b }
    }
}
