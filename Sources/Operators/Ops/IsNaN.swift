package import Tensors

package enum IsNaN: Inferring, Runnable {
    package static let name: Name = "IsNaN"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: .bool) }

    package static func run(_ call: Call) throws -> [Value?] { try call.mapReals(Predicate()) }

    private struct Predicate: RealPredicate {
        @inline(__always)
        func apply<T: Real>(_ x: T) -> Bool { x.isNaN }
    }
}
