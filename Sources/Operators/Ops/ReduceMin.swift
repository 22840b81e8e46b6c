package import Tensors

/// NaN wins.
package enum ReduceMin: Runnable {
    package static let name: Name = "ReduceMin"

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        static var isWide: Bool { false }
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { .highest }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { b < a || b.isNotANumber ? b : a }
    }
}
