package import Tensors

package enum BitwiseXor: Inferring, Runnable {
    package static let name: Name = "BitwiseXor"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combined() }

    package static func run(_ call: Call) throws -> [Value?] { try call.combineIntegers(Function()) }

    private struct Function: IntegerCombination {
        @inline(__always)
        func apply<T: Number & FixedWidthInteger>(_ a: T, _ b: T) -> T { a ^ b }
    }
}
