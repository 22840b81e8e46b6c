package import Tensors

package enum Neg: Inferring, Runnable {
    package static let name: Name = "Neg"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let input = try call.tensor(0)
        return [Fact(input.elementType, input.dims, integers: input.integers?.map { 0 - $0 })]
    }

    package static func run(_ call: Call) throws -> [Value?] { try call.map(Function()) }

    private struct Function: NumberFunction {
        @inline(__always)
        func apply<T: Number>(_ x: T) -> T { x.negated }
    }
}
