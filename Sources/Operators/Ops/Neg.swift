package import Tensors

package enum Neg: Runnable {
    package static let name: Name = "Neg"

    package static func run(_ call: Call) throws -> [Value?] { try call.map(Function()) }

    private struct Function: NumberFunction {
        @inline(__always)
        func apply<T: Number>(_ x: T) -> T { x.negated }
    }
}
