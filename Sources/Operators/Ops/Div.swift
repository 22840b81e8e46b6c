package import Tensors

package enum Div: Inferring, Runnable {
    package static let name: Name = "Div"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        // Towards zero: for numbers that are not negative that is down.
        return try call.combinedIntegers { a, b in
            if case .value(let x) = a, case .value(let y) = b { return y == 0 || y == -1 && x == .min ? .unknown : .value(x / y) }
            return a.isNonNegative && b.isNonNegative ? a.floorDiv(b) : .unknown
        }
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.checkDivisor()
        return try call.combine(Function())
    }

    private struct Function: NumberCombination {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> T { a.divided(by: b) }
    }
}
