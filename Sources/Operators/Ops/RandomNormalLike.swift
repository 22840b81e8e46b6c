package import Tensors

package enum RandomNormalLike: Inferring, Runnable {
    package static let name: Name = "RandomNormalLike"
    package static let limits: String? = "other numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: call.elementType("dtype")) }

    package static func run(_ call: Call) throws -> [Value?] {
        let like = try call.tensor(0)
        return [.tensor(try call.randomTensor(call.elementType("dtype") ?? like.elementType, like.dims, scale: call.float("scale", 1), offset: call.float("mean", 0), isNormal: true))]
    }
}
