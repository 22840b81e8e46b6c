package import Tensors

package enum MatMulInteger: Runnable {
    package static let name: Name = "MatMulInteger"

    package static func run(_ call: Call) throws -> [Value?] {
        let (sums, shape) = try MatrixOps.integerProduct(
            call, call.tensor(0), zeroA: call.optionalTensor(2), call.tensor(1), zeroB: call.optionalTensor(3))
        return [.tensor(sums.tensor(.int32, shape.dims))]
    }
}
