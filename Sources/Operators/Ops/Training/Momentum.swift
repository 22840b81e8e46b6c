package import Tensors

package enum Momentum: Inferring, Runnable {
    package static let name: Name = "Momentum"
    package static let domain: Name = "ai.onnx.preview.training"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.optimized(kinds: 3) }

    package static func run(_ call: Call) throws -> [Value?] {
        let (rate, count) = try call.rateAndCount()
        let mode = try call.required("mode", call.string("mode"))
        guard mode == "standard" || mode == "nesterov" else {
            throw ModelError(.invalidGraph, "'mode' is '\(printable(mode))', standard or nesterov is needed")
        }
        let beta = try call.required("beta", call.float("beta"))
        let step = try Step(
            rate: rate, alpha: Double(call.required("alpha", call.float("alpha"))), beta: count > 0 ? Double(beta) : 1,
            norm: Double(call.required("norm_coefficient", call.float("norm_coefficient"))), isNesterov: mode == "nesterov")
        return try call.optimize(step, kinds: 3)
    }

    private struct Step: OptimizerStep {
        let rate: Double
        let alpha: Double
        let beta: Double
        let norm: Double
        let isNesterov: Bool

        func update<T: Element & BinaryFloatingPoint>(_ inputs: [Elements<T>], _ outputs: [NewElements<T>]) {
            let (x, g, v) = (inputs[0], inputs[1], inputs[2])
            for index in 0..<x.count {
                let gradient = T(norm) * x[index] + g[index]
                let momentum = T(alpha) * v[index] + T(beta) * gradient
                outputs[0][index] = x[index] - T(rate) * (isNesterov ? gradient + T(alpha) * momentum : momentum)
                outputs[1][index] = momentum
            }
        }
    }
}
