package import Tensors

/// Amounts below 0 or not below the width leave what extending the sign leaves.
package enum BitShift: Inferring, Runnable {
    package static let name: Name = "BitShift"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combined() }

    package static func run(_ call: Call) throws -> [Value?] {
        switch try call.required("direction", call.string("direction")) {
        case "LEFT": return try call.combineIntegers(Left())
        case "RIGHT": return try call.combineIntegers(Right())
        case let other: throw ModelError(.invalidGraph, "attribute 'direction' is '\(printable(other))'; 'LEFT' or 'RIGHT' is needed")
        }
    }

    private struct Left: IntegerCombination {
        @inline(__always)
        func apply<T: Number & FixedWidthInteger>(_ a: T, _ b: T) -> T { b < 0 || b >= T.bitWidth ? 0 : a &<< b }
    }

    private struct Right: IntegerCombination {
        @inline(__always)
        func apply<T: Number & FixedWidthInteger>(_ a: T, _ b: T) -> T { b < 0 || b >= T.bitWidth ? (a < 0 ? ~0 : 0) : a &>> b }
    }
}
