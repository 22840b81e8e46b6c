package import Tensors

package enum TreeEnsembleRegressor: Inferring, Runnable {
    package static let name: Name = "TreeEnsembleRegressor"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let targets = try call.int("n_targets") ?? (call.ints("target_ids")?.max().map { max(1, $0 &+ 1) } ?? 1)
        return [Fact(.float, [try call.rows(), .value(targets)])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        return x.elementType == .double ? try run(x, call, Double.self) : try run(x, call, Float.self)
    }

    private static func run<T: Element & BinaryFloatingPoint>(_ x: Tensor, _ call: Call, _: T.Type) throws -> [Value?] {
        let attributes = TreeAttributes<T>(prefix: "target", call: call)
        let forest = try attributes.forest(), base = try attributes.values("base_values")
        let targets = try call.int("n_targets") ?? max(1, forest.targetCount)
        let matrix = try FeatureMatrix<T>(x)
        let scores = try forest.scores(matrix, targets: targets, .init(call), call)
        guard base.isEmpty || base.count == targets else {
            throw ModelError(.invalidGraph, "'base_values' has \(base.count) numbers, \(targets) are needed")
        }
        let result = try NewElements<Float>(scores.values.count)
        for index in 0..<result.count {
            // Of several targets ONNX Runtime leaves those at 0 for which no tree voted.
            let isLeft = targets > 1 && scores.voted[index] == 0
            result[index] = isLeft ? 0 : Float(scores.values[index] + (base.isEmpty ? 0 : base[index % targets]))
        }
        try PostTransform(call).apply(to: result, width: targets)
        return [.tensor(result.tensor(.float, [matrix.rows, targets]))]
    }
}
