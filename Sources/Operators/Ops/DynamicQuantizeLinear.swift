package import Tensors

package enum DynamicQuantizeLinear: Inferring, Runnable {
    package static let name: Name = "DynamicQuantizeLinear"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.uint8, try call.dims(0)), Fact(.float, []), Fact(.uint8, [])] }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        guard input.elementType == .float else { throw ModelError(.invalidGraph, "the input is \(input.elementType), FLOAT is needed") }
        let values = try input.elements(as: Float.self), result = try NewElements<UInt8>(values.count)
        let (scale, zero) = grid(of: values)
        fill(result, from: values) { x in
            let code = (x / scale).rounded(.toNearestOrEven) + zero
            return code > 0 ? UInt8(min(code, 255)) : 0
        }
        return [
            .tensor(result.tensor(.uint8, input.dims)),
            .tensor(try NewElements<Float>(1, filledWith: scale).tensor(.float, [])),
            .tensor(try NewElements<UInt8>(1, filledWith: UInt8(zero)).tensor(.uint8, [])),
        ]
    }

    private static func grid(of values: Elements<Float>) -> (scale: Float, zero: Float) {
        var low: Float = 0, high: Float = 0
        unsafe values.withUnsafeBuffer { values in
            for index in 0..<values.count {
                unsafe low = min(low, values[index])
                unsafe high = max(high, values[index])
            }
        }
        return grid(low: low, high: high)
    }

    /// The finest grid of 256 values that holds all numbers from `low` (at most 0) to `high` (at least 0).
    package static func grid(low: Float, high: Float) -> (scale: Float, zero: Float) {
        // As ONNX Runtime does where all is zero.
        let scale = high == low ? 1 : (high - low) / 255
        let zero = (-low / scale).rounded(.toNearestOrEven)
        return (scale, zero > 0 ? min(zero, 255) : 0)
    }
}
