package import Tensors

package enum BitwiseNot: Inferring, Runnable {
    package static let name: Name = "BitwiseNot"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        return [.tensor(try input.elementType.withIntegers(Inversion(input: input)))]
    }

    private struct Inversion: IntegerWork {
        let input: Tensor

        func run<T: Number & FixedWidthInteger>(_ type: T.Type) throws -> Tensor {
            let source = try input.elements(as: T.self), result = try NewElements<T>(source.count)
            fill(result, from: source) { ~$0 }
            return result.tensor(input.elementType, input.dims)
        }
    }
}
