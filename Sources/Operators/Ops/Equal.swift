package import Tensors

package enum Equal: Inferring, Runnable {
    package static let name: Name = "Equal"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.comparedIntegers { $0.isSame(as: $1) ? true : $0.isDifferent(from: $1) ? false : nil } }

    package static func run(_ call: Call) throws -> [Value?] {
        guard try call.tensor(0).elementType == .string else { return try call.compare(Function()) }
        let operands = try call.operands()
        let (a, codes) = try numbered(operands.a, [:]), (b, _) = try numbered(operands.b, codes)
        let result = try operands.combine(a, b) { $0 == $1 ? 1 : 0 as UInt8 }
        return [.tensor(result.tensor(.bool, operands.broadcast.dims))]
    }

    /// A number for each different string, those of `codes` first.
    private static func numbered(_ tensor: Tensor, _ codes: [[UInt8]: Int32]) throws -> (Elements<Int32>, [[UInt8]: Int32]) {
        var codes = codes
        let strings = try tensor.stringArray()
        let numbers = try NewElements<Int32>(strings.count)
        for (index, string) in strings.enumerated() {
            let next = Int32(truncatingIfNeeded: codes.count)
            numbers[index] = codes[string, default: next]
            codes[string] = numbers[index]
        }
        return (try numbers.finished, codes)
    }

    private struct Function: NumberComparison {
        @inline(__always)
        func apply<T: Number>(_ a: T, _ b: T) -> Bool { a == b }
    }
}
