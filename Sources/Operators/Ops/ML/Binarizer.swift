package import Tensors

package enum Binarizer: Inferring, Runnable {
    package static let name: Name = "Binarizer"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), threshold = try call.float("threshold", 0)
        _ = try call.room(for: x.dims, of: x.elementType)
        switch x.elementType {
        case .float: return [.tensor(try above(x, threshold, Float.self))]
        case .double: return [.tensor(try above(x, Double(threshold), Double.self))]
        case .int32: return [.tensor(try aboveFloat(x, threshold, Int32.self))]
        case .int64: return [.tensor(try aboveFloat(x, threshold, Int64.self))]
        default: throw ModelError(.invalidGraph, "the input is \(x.elementType); FLOAT, DOUBLE, INT64 or INT32 is needed")
        }
    }

    private static func above<T: Element & BinaryFloatingPoint>(_ x: Tensor, _ threshold: T, _: T.Type) throws -> Tensor {
        let source = try x.elements(as: T.self), result = try NewElements<T>(source.count)
        for index in 0..<source.count { result[index] = source[index] > threshold ? 1 : 0 }
        return result.tensor(x.elementType, x.dims)
    }

    private static func aboveFloat<T: Element & BinaryInteger>(_ x: Tensor, _ threshold: Float, _: T.Type) throws -> Tensor {
        let source = try x.elements(as: T.self), result = try NewElements<T>(source.count)
        for index in 0..<source.count { result[index] = Float(source[index]) > threshold ? 1 : 0 }
        return result.tensor(x.elementType, x.dims)
    }
}
