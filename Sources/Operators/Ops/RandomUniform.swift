package import Tensors

package enum RandomUniform: Inferring, Runnable {
    package static let name: Name = "RandomUniform"
    package static let limits: String? = "other numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("dtype") ?? .float, fixed: try call.required("shape", call.ints("shape")))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let (low, high) = try (call.float("low", 0), call.float("high", 1))
        return [.tensor(try call.randomTensor(call.elementType("dtype") ?? .float, call.randomShape(), scale: high - low, offset: low, isNormal: false))]
    }
}
