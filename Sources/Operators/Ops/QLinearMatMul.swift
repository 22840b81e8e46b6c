package import Tensors

package enum QLinearMatMul: Inferring, Runnable {
    package static let name: Name = "QLinearMatMul"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(7), try call.product(call.dims(0), call.dims(3)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (sums, shape) = try MatrixOps.integerProduct(call, call.tensor(0), zeroA: call.tensor(2), call.tensor(3), zeroB: call.tensor(5))
        let (aScales, bScales) = (try call.tensor(1).floats("the left scale"), try call.tensor(4).floats("the right scale"))
        let yScale = try Quantized.scale(call.tensor(6), "the result's scale")
        let (zero, type) = try Quantized.zero(call.tensor(7), "the result's zero point")
        if sums.count == 0 { return [.tensor(try Quantized.requantize(sums, [], inner: 1, zero: zero, type, shape.dims))] }
        guard aScales.count == 1 || (shape.aOffsets.count <= 1 && aScales.count == shape.m), bScales.count == 1 || bScales.count == shape.n else {
            throw ModelError(.invalidGraph, "scales of \(aScales.count) and \(bScales.count) numbers for a result of \(shape.dims): one, or one per row and column are needed")
        }
        var factors: [Float] = []
        for a in aScales { for column in bScales.indices { factors.append(a * bScales[column] / yScale) } }
        let inner = bScales.count == 1 ? shape.n : 1
        return [.tensor(try Quantized.requantize(sums, factors, inner: inner, zero: zero, type, shape.dims))]
    }
}
