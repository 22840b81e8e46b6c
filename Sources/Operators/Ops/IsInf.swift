package import Tensors

package enum IsInf: Inferring, Runnable {
    package static let name: Name = "IsInf"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: .bool) }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.mapReals(Predicate(negative: call.bool("detect_negative", true), positive: call.bool("detect_positive", true)))
    }

    private struct Predicate: RealPredicate {
        let negative: Bool
        let positive: Bool

        @inline(__always)
        func apply<T: Real>(_ x: T) -> Bool { x.isInfinite && (x < 0 ? negative : positive) }
    }
}
