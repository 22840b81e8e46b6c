package import Tensors

package enum Adagrad: Inferring, Runnable {
    package static let name: Name = "Adagrad"
    package static let domain: Name = "ai.onnx.preview.training"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.optimized(kinds: 3) }

    package static func run(_ call: Call) throws -> [Value?] {
        let (rate, count) = try call.rateAndCount()
        let step = try Step(
            rate: rate / (1 + Double(count) * Double(call.float("decay_factor", 0))), norm: Double(call.float("norm_coefficient", 0)),
            epsilon: Double(call.float("epsilon", 1e-6)))
        return try call.optimize(step, kinds: 3)
    }

    private struct Step: OptimizerStep {
        let rate: Double
        let norm: Double
        let epsilon: Double

        func update<T: Element & BinaryFloatingPoint>(_ inputs: [Elements<T>], _ outputs: [NewElements<T>]) {
            let (x, g, h) = (inputs[0], inputs[1], inputs[2])
            for index in 0..<x.count {
                let gradient = T(norm) * x[index] + g[index]
                let squares = h[index] + gradient * gradient
                outputs[0][index] = x[index] - T(rate) * gradient / (squares.squareRoot() + T(epsilon))
                outputs[1][index] = squares
            }
        }
    }
}
