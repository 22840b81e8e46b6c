package import Tensors

package enum ReduceSum: Inferring, Runnable {
    package static let name: Name = "ReduceSum"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced(inputSince: 13) { .sum($0) } }

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self, inputSince: 13) }

    private enum Rule: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { 0 }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { a.plus(b) }
    }
}
