internal import Tensors

/// What models of ai.onnx.ml make of rows of features.
extension InferenceCall {
    /// Rows of input 0, as `FeatureMatrix` counts them.
    func rows() throws -> Dim {
        guard let dims = try dims(0) else { return .fresh() }
        switch dims.count {
        case 1: return 1
        case 2: return dims[0]
        default: throw ModelError(.invalidGraph, "the input has dims \(dims.text); [rows, features] or [features] is needed")
        }
    }

    /// Columns of input 0.
    func columns() throws -> Dim { try dims(0)?.last ?? .unknown }

    /// The type and number of the class labels.
    func labels(ints: Name, strings: Name) throws -> (type: ElementType, count: Int) {
        if let labels = try self.strings(strings), !labels.isEmpty { return (.string, labels.count) }
        if let labels = try self.ints(ints), !labels.isEmpty { return (.int64, labels.count) }
        throw ModelError(.invalidGraph, "has no class labels; '\(strings)' or '\(ints)' is needed")
    }
}
