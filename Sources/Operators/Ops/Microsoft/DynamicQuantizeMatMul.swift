internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.DynamicQuantizeMatMul`: the left matrix is quantized to UINT8 by its own range first.
package enum DynamicQuantizeMatMul: Inferring, Runnable {
    package static let name: Name = "DynamicQuantizeMatMul"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.float, try call.product(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let a = try call.tensor(0), values = try a.floats("the left matrix")
        let low = min(0, values.min() ?? 0), high = max(0, values.max() ?? 0)
        let scale = high == low ? 1 : (high - low) / 255
        let zero = max(0, min(255, (-low / scale).rounded(.toNearestOrEven)))
        guard scale.isFinite else { throw ModelError(.invalidGraph, "the left matrix has numbers from \(low) to \(high), which cannot be quantized") }
        let codes = try NewElements<UInt8>(values.count)
        for index in 0..<codes.count {
            let code = (values[index] / scale).rounded(.toNearestOrEven) + zero
            codes[index] = code.isNaN ? 0 : UInt8(max(0, min(255, code)))
        }
        let (sums, shape) = try MatrixOps.integerProduct(
            call, codes.tensor(.uint8, a.dims), zeroA: NewElements([UInt8(zero)]).tensor(.uint8, []), call.tensor(1), zeroB: call.optionalTensor(3))
        return [.tensor(try MatMulIntegerToFloat.scaled(call, sums, shape, scale, call.tensor(2), bias: 4, .float))]
    }
}
