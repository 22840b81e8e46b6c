internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.MatMulIntegerToFloat`: MatMulInteger, times both scales, plus a bias.
package enum MatMulIntegerToFloat: Inferring, Runnable {
    package static let name: Name = "MatMulIntegerToFloat"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(2), try call.product(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (sums, shape) = try MatrixOps.integerProduct(
            call, call.tensor(0), zeroA: call.optionalTensor(4), call.tensor(1), zeroB: call.optionalTensor(5))
        let aScale = try call.tensor(2), type = aScale.elementType
        return [.tensor(try scaled(call, sums, shape, Quantized.scale(aScale, "the left scale"), call.tensor(3), bias: 6, type))]
    }

    /// `sums`·a·b + bias, where b has one number or one per column.
    static func scaled(_ call: Call, _ sums: NewElements<Int32>, _ shape: MatrixShape, _ a: Float, _ b: Tensor, bias: Int, _ type: ElementType) throws -> Tensor {
        let scales = try b.floats("the right scale"), n = max(1, shape.n)
        guard scales.count == 1 || scales.count == shape.n else { throw ModelError(.invalidGraph, "\(scales.count) scales for \(shape.n) columns") }
        let bias: [Float] = try call.vector(bias, count: shape.n, "the bias") ?? []
        let y = try call.newElements(shape.dims, Float.self)
        guard y.count > 0 else { return try Tensor.rounding(y, to: type, shape.dims) }
        let factors = (0..<n).map { a * (scales.count == 1 ? scales[0] : scales[$0]) }
        for index in 0..<y.count { y[index] = Float(sums[index]) * factors[index % n] + (bias.isEmpty ? 0 : bias[index % n]) }
        return try Tensor.rounding(y, to: type, shape.dims)
    }
}
