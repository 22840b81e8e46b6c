package import Tensors

package enum ReduceProd: Inferring, Runnable {
    package static let name: Name = "ReduceProd"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced { .product($0) } }

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { 1 }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { a.times(b) }
    }
}
