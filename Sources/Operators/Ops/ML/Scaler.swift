package import Tensors

package enum Scaler: Inferring, Runnable {
    package static let name: Name = "Scaler"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: .float) }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        let features = input.dims.last ?? 1
        let offset = try parameter("offset", call, features, 0), scale = try parameter("scale", call, features, 1)
        let x: Elements<Float> = try input.numbers("the input")
        let result = try NewElements<Float>(call.room(for: input.dims, of: .float))
        for index in 0..<result.count {
            result[index] = (x[index] - offset[index % offset.count]) * scale[index % scale.count]
        }
        return [.tensor(result.tensor(.float, input.dims))]
    }

    /// One number per feature, or one for all.
    private static func parameter(_ name: Name, _ call: Call, _ features: Int, _ standard: Float) throws -> [Float] {
        let values = try call.floats(name) ?? [standard]
        guard values.count == 1 || (values.count == features && features > 0) else {
            throw ModelError(.invalidGraph, "'\(name)' has \(values.count) numbers, 1 or \(features) are needed")
        }
        return values
    }
}
