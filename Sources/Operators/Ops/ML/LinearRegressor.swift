package import Tensors

package enum LinearRegressor: Inferring, Runnable {
    package static let name: Name = "LinearRegressor"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.float, [try call.rows(), .value(try call.int("targets", 1))])] }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try FeatureMatrix<Float>(call.tensor(0))
        let targets = try call.int("targets", 1)
        let coefficients = try call.floats("coefficients") ?? [], intercepts = try call.floats("intercepts") ?? []
        guard targets > 0, checkedMultiply(targets, x.columns) == coefficients.count else {
            throw ModelError(.invalidGraph, "has \(coefficients.count) coefficients; \(targets) targets and \(x.columns) features need their product")
        }
        guard intercepts.isEmpty || intercepts.count == targets else {
            throw ModelError(.invalidGraph, "has \(intercepts.count) intercepts, \(targets) are needed")
        }
        let scores = try NewElements<Float>(call.room(for: [x.rows, targets], of: .float))
        x.product(coefficients, outputs: targets, into: scores)
        if !intercepts.isEmpty { for index in 0..<scores.count { scores[index] += intercepts[index % targets] } }
        try PostTransform(call).apply(to: scores, width: targets)
        return [.tensor(scores.tensor(.float, [x.rows, targets]))]
    }
}
