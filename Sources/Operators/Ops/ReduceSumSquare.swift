package import Tensors

package enum ReduceSumSquare: Inferring, Runnable {
    package static let name: Name = "ReduceSumSquare"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced() }

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { 0 }
        @inline(__always) static func term<A: Number>(_ x: A) -> A { x.times(x) }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { a.plus(b) }
    }
}
