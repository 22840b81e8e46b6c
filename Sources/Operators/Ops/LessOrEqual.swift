package import Tensors

package enum LessOrEqual: Inferring, Runnable {
    package static let name: Name = "LessOrEqual"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.comparedIntegers { ($1 - $0).isNonNegative ? true : ($0 - $1).isPositive ? false : nil } }

    package static func run(_ call: Call) throws -> [Value?] { try call.compare(Function()) }

    private struct Function: NumberComparison {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> Bool { a <= b }
    }
}
