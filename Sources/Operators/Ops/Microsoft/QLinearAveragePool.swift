internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.QLinearAveragePool`: AveragePool of codes; with `channels_last` the channels come last.
package enum QLinearAveragePool: Runnable {
    package static let name: Name = "QLinearAveragePool"
    package static let domain: Name = "com.microsoft"
    package static let limits: String? = "windows over the edge by ceil_mode count as in ONNX, not as in ONNX Runtime"

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try QuantizedTensor(call, 0), grid = try QuantizedTensor.grid(call, 3), rank = input.codes.dims.count, isLast = try call.bool("channels_last")
        guard rank >= 3 else { throw ModelError(.invalidGraph, "cannot pool \(input.codes.dims): at least 3 dimensions are needed") }
        let values = try input.numbers(), copy = try call.newElements(input.codes.dims, Float.self)
        fill(copy, from: values) { $0 }
        var x = copy.tensor(.float, input.codes.dims)
        if isLast { x = try x.transposed([0, rank - 1] + Array(1..<rank - 1), call) }
        let inner = Call(node: call.node, opset: 11, inputs: [.tensor(x)], environment: call.environment)
        guard case .tensor(var y)?? = try AveragePool.run(inner).first else { throw ModelError(.internalFault, "a pooling gave no tensor") }
        if isLast { y = try y.transposed([0] + Array(2..<rank) + [1], call) }
        let means = try y.floats("the means"), result = try NewElements<Float>(means.count)
        fill(result, from: means) { ($0 / grid.scale).rounded(.toNearestOrEven) + grid.zero }
        return [.tensor(try input.rounded(result.finished, y.dims))]
    }
}
