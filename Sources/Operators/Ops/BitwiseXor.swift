package import Tensors

package enum BitwiseXor: Runnable {
    package static let name: Name = "BitwiseXor"

    package static func run(_ call: Call) throws -> [Value?] { try call.combineIntegers(Function()) }

    private struct Function: IntegerCombination {
        @inline(__always)
        func apply<T: Number & FixedWidthInteger>(_ a: T, _ b: T) -> T { a ^ b }
    }
}
