package import Tensors

package enum RandomNormal: Inferring, Runnable {
    package static let name: Name = "RandomNormal"
    package static let limits: String? = "other numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("dtype") ?? .float, fixed: try call.required("shape", call.ints("shape")))] }

    package static func run(_ call: Call) throws -> [Value?] {
        return [.tensor(try call.randomTensor(call.elementType("dtype") ?? .float, call.randomShape(), scale: call.float("scale", 1), offset: call.float("mean", 0), isNormal: true))]
    }
}
