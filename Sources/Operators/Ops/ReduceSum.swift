package import Tensors

package enum ReduceSum: Runnable {
    package static let name: Name = "ReduceSum"

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self, inputSince: 13) }

    private enum Rule: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { 0 }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { a.plus(b) }
    }
}
