internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.FusedGemm`: Gemm and an activation.
package enum FusedGemm: Inferring, Runnable {
    package static let name: Name = "FusedGemm"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        for index in 0..<2 {
            if let rank = try call.tensor(index).rank, rank != 2 { throw ModelError(.invalidGraph, "input \(index) is \(try call.tensor(index)), a matrix is needed") }
        }
        let (a, b) = (try call.dims(0), try call.dims(1)), type = try call.commonType(0..<3)
        let rows = try a.map { try $0[call.bool("transA") ? 1 : 0] } ?? .unknown, columns = try b.map { try $0[call.bool("transB") ? 0 : 1] } ?? .unknown
        return [Fact(type, try call.product(a, b, transposeA: call.bool("transA"), transposeB: call.bool("transB")) ?? [rows, columns])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let numbers = [try call.float("activation_alpha"), try call.float("activation_beta")].compactMap { $0 }
        let name = try call.string("activation", "")
        return try Gemm.run(call).map { try $0?.tensor.map { .tensor(try FusedActivation.apply(name, numbers, to: $0)) } }
    }
}
