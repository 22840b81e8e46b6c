#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
internal import Tensors

/// The kernel of a support vector machine.
struct SupportKernel {
    private enum Kind { case linear, poly, rbf, sigmoid }

    private let kind: Kind
    private let gamma: Float
    private let coefficient: Float
    private let degree: Float

    static let linear = SupportKernel(kind: .linear, gamma: 0, coefficient: 0, degree: 0)

    private init(kind: Kind, gamma: Float, coefficient: Float, degree: Float) {
        (self.kind, self.gamma, self.coefficient, self.degree) = (kind, gamma, coefficient, degree)
    }

    /// The attributes `kernel_type` and `kernel_params`: gamma, coef0, degree.
    init(_ call: Call) throws {
        let name = try call.string("kernel_type", "LINEAR")
        switch name {
        case "LINEAR": kind = .linear
        case "POLY": kind = .poly
        case "RBF": kind = .rbf
        case "SIGMOID": kind = .sigmoid
        default: throw ModelError(.invalidGraph, "'kernel_type' is '\(printable(name))'; LINEAR, POLY, RBF or SIGMOID is needed")
        }
        let parameters = try call.floats("kernel_params") ?? []
        guard parameters.isEmpty || parameters.count == 3 else {
            throw ModelError(.invalidGraph, "'kernel_params' has \(parameters.count) numbers, 3 are needed")
        }
        (gamma, coefficient, degree) = parameters.isEmpty ? (0, 0, 0) : (parameters[0], parameters[1], parameters[2])
    }

    /// The kernel of each row with each of `count` vectors: [rows, count].
    func values(_ x: FeatureMatrix<Float>, _ vectors: [Float], count: Int) throws -> NewElements<Float> {
        let result = try NewElements<Float>(x.rows * count)
        guard kind == .rbf else {
            x.product(vectors, outputs: count, into: result)
            for index in 0..<result.count {
                switch kind {
                case .poly: result[index] = powf(gamma * result[index] + coefficient, degree)
                case .sigmoid: result[index] = tanhf(gamma * result[index] + coefficient)
                case .linear, .rbf: break
                }
            }
            return result
        }
        precondition(vectors.count >= count * x.columns, "fewer support vectors than were checked")
        unsafe x.elements.withUnsafeBuffer { rows in
            for row in 0..<x.rows {
                for vector in 0..<count {
                    var sum: Float = 0
                    for column in 0..<x.columns {
                        let difference = unsafe rows[row &* x.columns &+ column] - vectors[vector &* x.columns &+ column]
                        sum += difference * difference
                    }
                    result[row * count + vector] = expf(-gamma * sum)
                }
            }
        }
        return result
    }
}

/// Class probabilities of pairwise ones: the second method of Wu, Lin and Weng, "Probability Estimates for Multi-class
/// Classification by Pairwise Coupling" (2004), algorithm 2. `pairs[i * n + j]` is the probability of class i against class j.
func coupledProbabilities(_ pairs: [Float], classes n: Int) -> [Float] {
    var q = [Float](repeating: 0, count: n * n), p = [Float](repeating: 1 / Float(n), count: n), qp = [Float](repeating: 0, count: n)
    for i in 0..<n {
        for j in 0..<n where j != i {
            q[i * n + i] += pairs[j * n + i] * pairs[j * n + i]
            q[i * n + j] = -pairs[j * n + i] * pairs[i * n + j]
        }
    }
    for _ in 0..<100 {
        for i in 0..<n {
            qp[i] = 0
            for j in 0..<n { qp[i] += q[i * n + j] * p[j] }
        }
        var pqp: Float = 0
        for i in 0..<n { pqp += p[i] * qp[i] }
        var error: Float = 0
        for i in 0..<n { error = max(error, abs(qp[i] - pqp)) }
        if error < 0.005 / Float(n) { break }
        for i in 0..<n {
            let step = (pqp - qp[i]) / q[i * n + i]
            p[i] += step
            pqp = (pqp + step * (step * q[i * n + i] + 2 * qp[i])) / (1 + step) / (1 + step)
            for j in 0..<n {
                qp[j] = (qp[j] + step * q[i * n + j]) / (1 + step)
                p[j] /= 1 + step
            }
        }
    }
    return p
}
