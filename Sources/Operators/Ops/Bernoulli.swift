package import Tensors

package enum Bernoulli: Inferring, Runnable {
    package static let name: Name = "Bernoulli"
    package static let limits: String? = "other numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: call.elementType("dtype")) }

    /// 1 with the probability that the element of the input is, else 0.
    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        let type = try call.elementType("dtype") ?? input.elementType
        guard input.elementType.isFloat else { throw ModelError(.invalidGraph, "the input is \(input.elementType), a float type is needed") }
        let probabilities: Elements<Double> = try input.numbers("the input")
        _ = try call.room(for: input.dims, of: type)
        var random = try RandomSource(call)
        let draws = try NewElements<UInt8>(probabilities.count)
        for index in 0..<draws.count { draws[index] = random.uniform() < probabilities[index] ? 1 : 0 }
        return [.tensor(try typed(draws, type, input.dims))]
    }

    private static func typed(_ draws: NewElements<UInt8>, _ type: ElementType, _ dims: [Int]) throws -> Tensor {
        switch type {
        case .bool, .uint8, .int8: return draws.tensor(type, dims)
        case .uint16, .int16: return try widened(draws, UInt16.self).tensor(type, dims)
        case .uint32, .int32: return try widened(draws, UInt32.self).tensor(type, dims)
        case .uint64, .int64: return try widened(draws, UInt64.self).tensor(type, dims)
        case .double: return try widened(draws, Double.self).tensor(type, dims)
        case .float, .float16, .bfloat16: return try .rounding(widened(draws, Float.self), to: type, dims)
        default: throw ModelError(.invalidGraph, "'dtype' is \(type); a float, integer or BOOL type is needed")
        }
    }

    private static func widened<T: Element & ExpressibleByIntegerLiteral>(_ draws: NewElements<UInt8>, _: T.Type) throws -> NewElements<T> {
        let result = try NewElements<T>(draws.count)
        for index in 0..<draws.count { result[index] = draws[index] == 1 ? 1 : 0 }
        return result
    }
}
