package import Tensors

package enum MatMul: Runnable {
    package static let name: Name = "MatMul"

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try MatrixOps.product(call, call.tensor(0), call.tensor(1)))]
    }
}
