package import Tensors

package enum ReduceLogSum: Inferring, Runnable {
    package static let name: Name = "ReduceLogSum"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced() }

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { 0 }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { a.plus(b) }
        @inline(__always) static func finish<A: Number>(_ a: A, _ count: Int) -> A { A(nearest: .logarithm(a.asDouble)) }
    }
}
