package import Tensors

package enum RandomUniformLike: Inferring, Runnable {
    package static let name: Name = "RandomUniformLike"
    package static let limits: String? = "other numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: call.elementType("dtype")) }

    package static func run(_ call: Call) throws -> [Value?] {
        let like = try call.tensor(0)
        let (low, high) = try (call.float("low", 0), call.float("high", 1))
        return [.tensor(try call.randomTensor(call.elementType("dtype") ?? like.elementType, like.dims, scale: high - low, offset: low, isNormal: false))]
    }
}
