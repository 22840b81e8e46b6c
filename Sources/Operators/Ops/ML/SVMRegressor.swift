package import Tensors

package enum SVMRegressor: Inferring, Runnable {
    package static let name: Name = "SVMRegressor"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.float, [try call.rows(), 1])] }

    /// ONNX Runtime ignores `post_transform` here; so does this.
    package static func run(_ call: Call) throws -> [Value?] {
        let x = try FeatureMatrix<Float>(call.tensor(0))
        let coefficients = try call.floats("coefficients") ?? []
        guard let rho = try call.floats("rho")?.first else { throw ModelError(.invalidGraph, "attribute 'rho' has no number, one is needed") }
        _ = try PostTransform(call)
        let supports = try call.int("n_supports", 0)
        let result = try NewElements<Float>(call.room(for: [x.rows, 1], of: .float))
        if supports > 0 {
            let vectors = try call.floats("support_vectors") ?? []
            guard coefficients.count == supports, checkedMultiply(supports, x.columns) == vectors.count else {
                throw ModelError(
                    .invalidGraph,
                    "has \(supports) support vectors of \(x.columns) features, \(coefficients.count) coefficients and \(vectors.count) numbers of support vectors")
            }
            _ = try call.room(for: [x.rows, supports], of: .float)
            let kernels = try SupportKernel(call).values(x, vectors, count: supports)
            for row in 0..<x.rows {
                var sum: Float = 0
                for index in 0..<supports { sum += kernels[row * supports + index] * coefficients[index] }
                result[row] = sum + rho
            }
        } else {
            guard coefficients.count == x.columns else {
                throw ModelError(.invalidGraph, "has \(coefficients.count) coefficients, the input has \(x.columns) features")
            }
            x.product(coefficients, outputs: 1, into: result)
            for row in 0..<x.rows { result[row] += rho }
        }
        if try call.bool("one_class") { for row in 0..<x.rows { result[row] = result[row] > 0 ? 1 : -1 } }
        return [.tensor(result.tensor(.float, [x.rows, 1]))]
    }
}
