package import Tensors

/// Of integers: the sum wraps around, the mean is rounded towards zero; of none it is 0.
package enum ReduceMean: Inferring, Runnable {
    package static let name: Name = "ReduceMean"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.reduced() }

    package static func run(_ call: Call) throws -> [Value?] { try call.reduce(Rule.self) }

    private enum Rule: ReductionRule {
        @inline(__always) static func identity<A: Number>(_ type: A.Type) -> A { 0 }
        @inline(__always) static func combine<A: Number>(_ a: A, _ b: A) -> A { a.plus(b) }
        /// Floats are computed as Double; for integers Double would round a large sum.
        @inline(__always) static func finish<A: Number>(_ a: A, _ count: Int) -> A {
            if A.self == Double.self { return A(nearest: a.asDouble / Double(count)) }
            let divisor = A(nearest: Double(count))
            return divisor == 0 ? 0 : a.divided(by: divisor)
        }
    }
}
