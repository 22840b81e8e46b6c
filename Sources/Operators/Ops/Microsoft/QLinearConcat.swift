internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.QLinearConcat`: Concat of tensors of codes, each with its own grid.
package enum QLinearConcat: Runnable {
    package static let name: Name = "QLinearConcat"
    package static let domain: Name = "com.microsoft"

    package static func run(_ call: Call) throws -> [Value?] {
        let grid = try QuantizedTensor.grid(call, 0)
        guard call.inputs.count >= 5, (call.inputs.count - 2) % 3 == 0 else {
            throw ModelError(.invalidGraph, "has \(call.inputs.count) inputs; a scale, a zero point, and three per tensor are needed")
        }
        let tensors = try stride(from: 2, to: call.inputs.count, by: 3).map { first in
            let input = try QuantizedTensor(call, first)
            // On one grid, codes stay as they are.
            if (input.scale, input.zero) == grid { return input.codes }
            let numbers = try input.numbers(), result = try NewElements<Float>(numbers.count)
            fill(result, from: numbers) { ($0 / grid.scale).rounded(.toNearestOrEven) + grid.zero }
            return try input.rounded(result.finished, input.codes.dims)
        }
        for tensor in tensors { try call.checkSameType(tensors[0], tensor) }
        return [.tensor(try tensors.joined(call, axis: call.required("axis", call.int("axis"))))]
    }
}
