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
        return [
            .tensor(
                try MatrixOps.product(
                    call, operand(call, 0, "transBatchA"), operand(call, 1, "transBatchB"), transposeA: call.bool("transA"), transposeB: call.bool("transB"), scale: call.float("alpha", 1)))
        ]
    }

    /// With `attribute`, the first axis comes behind the other axes of the batch.
    private static func operand(_ call: Call, _ index: Int, _ attribute: Name) throws -> Tensor {
        let tensor = try call.tensor(index), rank = tensor.dims.count
        guard try call.bool(attribute), rank > 2 else { return tensor }
        return try tensor.transposed(Array(1..<rank - 1) + [0, rank - 1], call)
    }
}
