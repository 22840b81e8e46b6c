internal import Tensors

extension EinsteinSum {
    /// Dims of the result for operands whose dims are symbols.
    static func dims(_ equation: String, _ shapes: [[Dim]]) throws -> [Dim] {
        // The labels follow from the ranks alone.
        let labels = try EinsteinSum(equation, shapes.map { $0.map { _ in 1 } })
        var sizes: [Label: Dim] = [:]
        for (own, shape) in zip(labels.inputs, shapes) {
            for (label, dim) in zip(own, shape) {
                guard let size = InferenceCall.broadcast(sizes[label] ?? 1, dim) else {
                    throw ModelError(.invalidGraph, "'equation' \(printable(equation)): one label is \(sizes[label] ?? 1) and \(dim)")
                }
                // What cannot be told stays one size: the same label may stand elsewhere in the result.
                sizes[label] = size.asSize
            }
        }
        return labels.output.map { sizes[$0] ?? 1 }
    }
}
