package import Tensors

package enum Normalizer: Inferring, Runnable {
    package static let name: Name = "Normalizer"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: .float) }

    /// As ONNX Runtime reads it: MAX divides by the greatest element, not by the greatest magnitude; a divisor of 0 changes nothing.
    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0), norm = try call.string("norm", "MAX")
        let x = try FeatureMatrix<Float>(input)
        let result = try NewElements<Float>(call.room(for: input.dims, of: .float))
        for row in 0..<(x.columns == 0 ? 0 : x.rows) {
            let range = row * x.columns..<(row + 1) * x.columns
            var divisor: Float
            switch norm {
            case "MAX":
                divisor = x.elements[range.lowerBound]
                for index in range { divisor = max(divisor, x.elements[index]) }
            case "L1":
                divisor = 0
                for index in range { divisor += abs(x.elements[index]) }
            case "L2":
                divisor = 0
                for index in range { divisor += x.elements[index] * x.elements[index] }
                divisor = divisor.squareRoot()
            default: throw ModelError(.invalidGraph, "'norm' is '\(printable(norm))'; MAX, L1 or L2 is needed")
            }
            for index in range { result[index] = divisor == 0 ? x.elements[index] : x.elements[index] / divisor }
        }
        return [.tensor(result.tensor(.float, input.dims))]
    }
}
