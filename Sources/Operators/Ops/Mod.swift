package import Tensors

package enum Mod: Inferring, Runnable {
    package static let name: Name = "Mod"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combinedIntegers { a, b in a.isNonNegative && b.isPositive ? a - a.floorDiv(b) * b : .unknown } }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.checkDivisor()
        return try call.bool("fmod") ? call.combine(Truncated()) : call.combine(Floored())
    }

    private struct Truncated: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.truncatedRemainder(by: b) }
    }

    private struct Floored: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.flooredRemainder(by: b) }
    }
}
