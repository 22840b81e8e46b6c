package import Tensors

package enum Clip: Inferring, Runnable {
    package static let name: Name = "Clip"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let result = try call.likeInput()
        guard call.opset >= 11, let elements = call.inputs[0]?.integers else { return result }
        // Limits that are left out limit nothing.
        let low = call.hasInput(1) ? call.inputs[1]?.integers?.first ?? .unknown : nil, high = call.hasInput(2) ? call.inputs[2]?.integers?.first ?? .unknown : nil
        let clipped = elements.map { element in
            let raised = low.map { Dim.max($0, element) } ?? element
            return high.map { Dim.min($0, raised) } ?? raised
        }
        return [Fact(result[0].elementType, result[0].dims, integers: clipped)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        var limits: [Tensor?] = []
        if call.opset >= 11 {
            for index in 1...2 {
                let limit = try call.optionalTensor(index)
                if let limit {
                    try call.checkSameType(input, limit)
                    guard limit.elementCount == 1 else { throw ModelError(.invalidGraph, "input \(index) has dims \(limit.dims), a scalar is needed") }
                }
                limits.append(limit)
            }
        } else {
            for name in ["min", "max"] as [Name] {
                limits.append(try call.float(name).map { try NewElements<Float>(1, filledWith: $0).tensor(.float, []) })
            }
        }
        return [.tensor(try input.elementType.withNumbers(Clipping(input: input, lowest: limits[0], highest: limits[1])))]
    }

    private struct Clipping: NumberWork {
        let input: Tensor
        let lowest: Tensor?
        let highest: Tensor?

        func run<T: Number>(_ type: T.Type) throws -> Tensor {
            let low = try limit(lowest, T.lowest), high = try limit(highest, T.highest)
            let source = try T.elements(of: input), result = try NewElements<T>(source.count)
            // In this order: where the limits cross, the upper one holds. NaN stays.
            fill(result, from: source) { x in
                let raised = x < low ? low : x
                return raised > high ? high : raised
            }
            return try T.tensor(result, input.elementType, input.dims)
        }

        /// Attributes are FLOAT whatever the input is.
        private func limit<T: Number>(_ tensor: Tensor?, _ standard: T) throws -> T {
            guard let tensor else { return standard }
            if tensor.elementType == .float, input.elementType != .float { return T(nearest: Double(try tensor.elements(as: Float.self)[0])) }
            return try T.elements(of: tensor)[0]
        }
    }
}
