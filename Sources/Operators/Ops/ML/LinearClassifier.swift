package import Tensors

package enum LinearClassifier: Inferring, Runnable {
    package static let name: Name = "LinearClassifier"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let labels = try call.labels(ints: "classlabels_ints", strings: "classlabels_strings"), rows = try call.rows().asSize
        let intercepts = try call.floats("intercepts")?.count ?? 0, coefficients = try call.floats("coefficients")?.count ?? 0
        // Without intercepts the number of scores follows from the number of features.
        let scores = intercepts > 0 ? .value(intercepts) : try call.columns().isPositive ? Dim.value(coefficients).floorDiv(call.columns()) : .unknown
        let width: Dim = scores == 1 ? .value(labels.count == 2 ? 2 : 1) : scores.value != nil ? scores : .unknown
        return [Fact(labels.type, [rows]), Fact(.float, [rows, width])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try FeatureMatrix<Float>(call.tensor(0))
        let labels = try ClassLabels(call, ints: "classlabels_ints", strings: "classlabels_strings")
        let transform = try PostTransform(call)
        let (scores, count) = try scores(call, x, labels)
        if count == 1 {
            let picks = (0..<x.rows).map { scores[$0] > 0 ? 1 : 0 }
            guard labels.count == 2 else {
                transform.apply(to: scores, width: 1)
                return [.tensor(try labels.ofOneScore.tensor(picks, call)), .tensor(scores.tensor(.float, [x.rows, 1]))]
            }
            let both = try NewElements<Float>(call.room(for: [x.rows, 2], of: .float))
            for row in 0..<x.rows { (both[2 * row], both[2 * row + 1]) = transform.pair(scores[row], complement: true) }
            return [.tensor(try labels.tensor(picks, call)), .tensor(both.tensor(.float, [x.rows, 2]))]
        }
        let picks = (0..<x.rows).map { row in
            var best = 0
            for index in 1..<count where scores[row * count + index] > scores[row * count + best] { best = index }
            return best
        }
        transform.apply(to: scores, width: count)
        return [.tensor(try labels.tensor(picks, call)), .tensor(scores.tensor(.float, [x.rows, count]))]
    }

    /// [rows, count]; there are as many scores as labels, or one.
    private static func scores(_ call: Call, _ x: FeatureMatrix<Float>, _ labels: ClassLabels) throws -> (NewElements<Float>, Int) {
        let coefficients = try call.required("coefficients", call.floats("coefficients"))
        let intercepts = try call.floats("intercepts") ?? []
        let count = !intercepts.isEmpty ? intercepts.count : x.columns > 0 ? coefficients.count / x.columns : labels.count
        guard checkedMultiply(count, x.columns) == coefficients.count, count == labels.count || count == 1, labels.count <= 2 || count > 1 else {
            throw ModelError(
                .invalidGraph,
                "has \(coefficients.count) coefficients, \(intercepts.count) intercepts and \(labels.count) labels for \(x.columns) features, which do not go together")
        }
        let scores = try NewElements<Float>(call.room(for: [x.rows, count], of: .float))
        x.product(coefficients, outputs: count, into: scores)
        if !intercepts.isEmpty { for index in 0..<scores.count { scores[index] += intercepts[index % count] } }
        return (scores, count)
    }
}
