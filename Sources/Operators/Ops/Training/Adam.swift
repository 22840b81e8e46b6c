#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
package import Tensors

package enum Adam: Inferring, Runnable {
    package static let name: Name = "Adam"
    package static let domain: Name = "ai.onnx.preview.training"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.optimized(kinds: 4) }

    package static func run(_ call: Call) throws -> [Value?] {
        let (rate, count) = try call.rateAndCount()
        let alpha = Double(try call.float("alpha", 0.9)), beta = Double(try call.float("beta", 0.999))
        let adjusted = count > 0 ? rate * (1 - pow(beta, Double(count))).squareRoot() / (1 - pow(alpha, Double(count))) : rate
        let step = try Step(
            rate: adjusted, alpha: alpha, beta: beta, norm: Double(call.float("norm_coefficient", 0)),
            normAfter: Double(call.float("norm_coefficient_post", 0)), epsilon: Double(call.float("epsilon", 1e-6)))
        return try call.optimize(step, kinds: 4)
    }

    private struct Step: OptimizerStep {
        let rate: Double
        let alpha: Double
        let beta: Double
        let norm: Double
        let normAfter: Double
        let epsilon: Double

        func update<T: Element & BinaryFloatingPoint>(_ inputs: [Elements<T>], _ outputs: [NewElements<T>]) {
            let (x, g, v, h) = (inputs[0], inputs[1], inputs[2], inputs[3])
            for index in 0..<x.count {
                let gradient = T(norm) * x[index] + g[index]
                let mean = T(alpha) * v[index] + T(1 - alpha) * gradient
                let squares = T(beta) * h[index] + T(1 - beta) * gradient * gradient
                outputs[0][index] = T(1 - normAfter) * (x[index] - T(rate) * mean / (squares.squareRoot() + T(epsilon)))
                outputs[1][index] = mean
                outputs[2][index] = squares
            }
        }
    }
}
