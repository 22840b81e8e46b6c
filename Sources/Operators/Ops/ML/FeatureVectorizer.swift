package import Tensors

package enum FeatureVectorizer: Inferring, Runnable {
    package static let name: Name = "FeatureVectorizer"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        guard !call.inputs.isEmpty else { throw ModelError(.invalidGraph, "has no input, at least one is needed") }
        let widths = try call.ints("inputdimensions")?.map(Dim.value) ?? call.inputs.indices.map { try call.dims($0)?.last ?? .unknown }
        return [Fact(.float, [try call.rows(), .sum(widths)])]
    }

    /// The inputs side by side, each cut or filled with zeros to its number of `inputdimensions`.
    package static func run(_ call: Call) throws -> [Value?] {
        let inputs = try call.inputs.indices.map { try FeatureMatrix<Float>(call.tensor($0)) }
        guard let first = inputs.first else { throw ModelError(.invalidGraph, "has no input, at least one is needed") }
        let widths = try call.ints("inputdimensions") ?? inputs.map(\.columns)
        guard widths.count == inputs.count, widths.allSatisfy({ $0 >= 0 }) else {
            throw ModelError(.invalidGraph, "'inputdimensions' is \(widths.prefix(16)), a width of each of \(inputs.count) inputs is needed")
        }
        guard inputs.allSatisfy({ $0.rows == first.rows }) else {
            throw ModelError(.invalidGraph, "the inputs have \(inputs.map(\.rows)) rows; as many of each are needed")
        }
        var total = 0
        for width in widths {
            guard let sum = checkedAdd(total, width) else { throw ModelError(.limit, "'inputdimensions' \(widths.prefix(16)) leave 64 bits") }
            total = sum
        }
        let result = try NewElements<Float>(call.room(for: [first.rows, total], of: .float), filledWith: 0)
        var start = 0
        for (input, width) in zip(inputs, widths) {
            for row in 0..<(total == 0 ? 0 : input.rows) {
                for column in 0..<min(width, input.columns) { result[row * total + start + column] = input.elements[row * input.columns + column] }
            }
            start += width
        }
        return [.tensor(result.tensor(.float, [first.rows, total]))]
    }
}
