package import Tensors

/// NaN wins.
package enum ReduceMax: Inferring, Runnable {
    package static let name: Name = "ReduceMax"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced { $0[1...].reduce($0[0]) { .max($0, $1) } } }

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        static var isWide: Bool { false }
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { .lowest }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { b > a || b.isNotANumber ? b : a }
    }
}
