internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.SkipLayerNormalization`: adds the inputs, then normalizes the last axis.
package enum SkipLayerNormalization: Inferring, Runnable {
    package static let name: Name = "SkipLayerNormalization"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let statistics = try call.statistics(axis: -1), result = try call.likeInput()[0]
        return [result, statistics, statistics, result]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        guard !x.dims.isEmpty else { throw ModelError(.invalidGraph, "the input is a scalar, at least 1 dimension is needed") }
        let addends = try [call.tensor(1), call.optionalTensor(4)].compactMap { $0 }
        let result = try Normalization.layers(
            call, x, scale: call.tensor(2), bias: call.optionalTensor(3), axis: x.dims.count - 1, epsilon: call.float("epsilon", 1e-12), centres: true,
            adding: addends, Float.self)
        return [.tensor(result.y), .tensor(result.mean), .tensor(result.inverse), .tensor(result.sum)]
    }
}
