package import Tensors

package enum MatMul: Inferring, Runnable {
    package static let name: Name = "MatMul"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        [Fact(try call.commonType(0..<2), try call.product(call.dims(0), call.dims(1)))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try MatrixOps.product(call, call.tensor(0), call.tensor(1)))]
    }
}
