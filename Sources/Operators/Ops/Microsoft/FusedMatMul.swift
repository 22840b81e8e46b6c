internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.FusedMatMul`: MatMul of matrices that may be transposed, times `alpha`.
package enum FusedMatMul: Inferring, Runnable {
    package static let name: Name = "FusedMatMul"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        guard try !call.bool("transBatchA"), try !call.bool("transBatchB") else { return [Fact(try call.commonType(0..<2))] }
        return [Fact(try call.commonType(0..<2), try call.product(call.dims(0), call.dims(1), transposeA: call.bool("transA"), transposeB: call.bool("transB")))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        guard try !call.bool("transBatchA"), try !call.bool("transBatchB") else {
            throw ModelError(.unsupported, "'transBatchA' or 'transBatchB' is set; transposed batches are not supported")
        }
        return [
            .tensor(
                try MatrixOps.product(
                    call, call.tensor(0), call.tensor(1), transposeA: call.bool("transA"), transposeB: call.bool("transB"), scale: call.float("alpha", 1)))
        ]
    }
}
