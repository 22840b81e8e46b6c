internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.FusedGemm`: Gemm and an activation.
package enum FusedGemm: Runnable {
    package static let name: Name = "FusedGemm"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] {
        let numbers = [try call.float("activation_alpha"), try call.float("activation_beta")].compactMap { $0 }
        let name = try call.string("activation", "")
        return try Gemm.run(call).map { try $0?.tensor.map { .tensor(try FusedActivation.apply(name, numbers, to: $0)) } }
    }
}
