package import Tensors

package enum MatMulInteger: Inferring, Runnable {
    package static let name: Name = "MatMulInteger"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.int32, try call.product(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (sums, shape) = try MatrixOps.integerProduct(
            call, call.tensor(0), zeroA: call.optionalTensor(2), call.tensor(1), zeroB: call.optionalTensor(3))
        return [.tensor(sums.tensor(.int32, shape.dims))]
    }
}
