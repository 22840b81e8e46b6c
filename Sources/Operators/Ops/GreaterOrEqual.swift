package import Tensors

package enum GreaterOrEqual: Inferring, Runnable {
    package static let name: Name = "GreaterOrEqual"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.comparedIntegers { ($0 - $1).isNonNegative ? true : ($1 - $0).isPositive ? false : nil } }

    package static func run(_ call: Call) throws -> [Value?] { try call.compare(Function()) }

    private struct Function: NumberComparison {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> Bool { a >= b }
    }
}
