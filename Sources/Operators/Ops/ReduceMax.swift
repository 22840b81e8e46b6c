package import Tensors

/// NaN wins.
package enum ReduceMax: Runnable {
    package static let name: Name = "ReduceMax"

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        static var isWide: Bool { false }
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { .lowest }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { b > a || b.isNotANumber ? b : a }
    }
}
