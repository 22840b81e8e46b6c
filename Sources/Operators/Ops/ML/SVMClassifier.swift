package import Tensors

package enum SVMClassifier: Inferring, Runnable {
    package static let name: Name = "SVMClassifier"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let labels = try call.labels(ints: "classlabels_ints", strings: "classlabels_strings"), rows = try call.rows().asSize
        let hasSupports = try call.ints("vectors_per_class")?.contains { $0 != 0 } ?? false, hasProbabilities = try !(call.floats("prob_a") ?? []).isEmpty
        guard labels.count < 65_536 else { throw ModelError(.invalidGraph, "has \(labels.count) classes, 65535 are the limit") }
        let width = hasSupports && !hasProbabilities && labels.count > 2 ? labels.count * (labels.count - 1) / 2 : labels.count
        return [Fact(labels.type, [rows]), Fact(.float, [rows, .value(width)])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try FeatureMatrix<Float>(call.tensor(0))
        let machine = try Machine(call, x)
        let (scores, width, picks) = try machine.supports.isEmpty ? machine.linear() : machine.withSupports()
        return [.tensor(try machine.labels.tensor(picks, call)), .tensor(scores.tensor(.float, [x.rows, width]))]
    }
}

/// One call of a support vector classifier: of one against each other if it has support vectors, else of one score per class.
private struct Machine {
    let call: Call
    let x: FeatureMatrix<Float>
    let labels: ClassLabels
    let transform: PostTransform
    let coefficients: [Float]
    let rho: [Float]
    /// Support vectors of each class; empty for a linear model.
    let supports: [Int]
    let probA: [Float]
    let probB: [Float]

    private var pairs: Int { labels.count * (labels.count - 1) / 2 }

    init(_ call: Call, _ x: FeatureMatrix<Float>) throws {
        (self.call, self.x) = (call, x)
        labels = try ClassLabels(call, ints: "classlabels_ints", strings: "classlabels_strings")
        transform = try PostTransform(call)
        coefficients = try call.floats("coefficients") ?? []
        rho = try call.floats("rho") ?? []
        (probA, probB) = try (call.floats("prob_a") ?? [], call.floats("prob_b") ?? [])
        let supports = try call.ints("vectors_per_class") ?? []
        self.supports = supports.contains { $0 != 0 } ? supports : []
        guard labels.count < 65_536 else { throw ModelError(.invalidGraph, "has \(labels.count) classes, 65535 are the limit") }
        guard !rho.isEmpty else { throw ModelError(.invalidGraph, "attribute 'rho' has no number, one is needed") }
        guard probA.count == probB.count else {
            throw ModelError(.invalidGraph, "'prob_a' has \(probA.count) numbers, 'prob_b' has \(probB.count); as many are needed")
        }
    }

    func linear() throws -> (NewElements<Float>, width: Int, picks: [Int]) {
        let width = labels.count
        guard checkedMultiply(width, x.columns) == coefficients.count else {
            throw ModelError(.invalidGraph, "has \(coefficients.count) coefficients, \(width) classes and \(x.columns) features need their product")
        }
        let scores = try NewElements<Float>(call.room(for: [x.rows, width], of: .float))
        x.product(coefficients, outputs: width, into: scores)
        let isPositive = coefficients.allSatisfy { $0 >= 0 }
        let picks = (0..<x.rows).map { row in
            var best = 0
            for index in 0..<width {
                scores[row * width + index] += rho[0]
                if scores[row * width + index] > scores[row * width + best] { best = index }
            }
            // Of two classes ONNX Runtime takes a score that is high enough for the second class, whichever it is.
            if width == 2, probA.isEmpty {
                let score = scores[row * width + best]
                if isPositive ? score >= 0.5 : score > 0 { best = 1 }
            }
            return best
        }
        transform.apply(to: scores, width: width)
        return (scores, width, picks)
    }

    func withSupports() throws -> (NewElements<Float>, width: Int, picks: [Int]) {
        let classes = labels.count
        let count = try checkSupports()
        let kernel = try SupportKernel(call)
        _ = try call.room(for: [x.rows, count], of: .float)
        let kernels = try kernel.values(x, call.floats("support_vectors") ?? [], count: count)
        let width = !probA.isEmpty ? classes : classes <= 2 ? classes : pairs
        let scores = try NewElements<Float>(call.room(for: [x.rows, width], of: .float))
        var picks: [Int] = [], decisions = [Float](repeating: 0, count: pairs)
        for row in 0..<x.rows {
            picks.append(decide(kernels, row: row, count: count, into: &decisions))
            if !probA.isEmpty {
                for (index, value) in probabilities(decisions).enumerated() { scores[row * width + index] = value }
                transform.apply(to: scores, from: row * width, width: width)
            } else if classes == 1 {
                scores[row] = 0
            } else if classes == 2 {
                (scores[2 * row], scores[2 * row + 1]) = transform.pair(decisions[0], complement: transform != .none)
            } else {
                for index in 0..<width { scores[row * width + index] = decisions[index] }
                transform.apply(to: scores, from: row * width, width: width)
            }
        }
        return (scores, width, picks)
    }

    /// The number of support vectors.
    private func checkSupports() throws -> Int {
        guard supports.count == labels.count else {
            throw ModelError(.invalidGraph, "'vectors_per_class' has \(supports.count) numbers, the model has \(labels.count) classes")
        }
        var count = 0
        for number in supports {
            guard number >= 0, let sum = checkedAdd(count, number) else { throw ModelError(.invalidGraph, "'vectors_per_class' is \(supports)") }
            count = sum
        }
        let vectors = try call.floats("support_vectors") ?? []
        guard checkedMultiply(count, x.columns) == vectors.count else {
            throw ModelError(.invalidGraph, "has \(count) support vectors of \(vectors.count) numbers in all, the input has \(x.columns) features")
        }
        guard let needed = checkedMultiply(labels.count - 1, count), coefficients.count >= needed else {
            throw ModelError(.invalidGraph, "has \(coefficients.count) coefficients; \(labels.count) classes and \(count) support vectors need more")
        }
        guard rho.count >= pairs, probA.isEmpty || probA.count >= pairs else {
            throw ModelError(.invalidGraph, "has \(rho.count) numbers in 'rho' and \(probA.count) in 'prob_a'; \(labels.count) classes need \(pairs)")
        }
        return count
    }

    /// The decision of each pair of classes, and the class with most votes.
    private func decide(_ kernels: NewElements<Float>, row: Int, count: Int, into decisions: inout [Float]) -> Int {
        var votes = [Int](repeating: 0, count: labels.count), starts: [Int] = [], start = 0
        for number in supports {
            starts.append(start)
            start += number
        }
        var pair = 0
        for i in 0..<labels.count {
            for j in i + 1..<max(i + 1, labels.count) {
                var sum = 0.0
                for index in starts[i]..<starts[i] + supports[i] { sum += Double(coefficients[(j - 1) * count + index] * kernels[row * count + index]) }
                for index in starts[j]..<starts[j] + supports[j] { sum += Double(coefficients[i * count + index] * kernels[row * count + index]) }
                sum += Double(rho[pair])
                decisions[pair] = Float(sum)
                votes[sum > 0 ? i : j] += 1
                pair += 1
            }
        }
        return votes.indices.max { votes[$0] < votes[$1] || (votes[$0] == votes[$1] && $0 > $1) } ?? 0
    }

    private func probabilities(_ decisions: [Float]) -> [Float] {
        let classes = labels.count
        var matrix = [Float](repeating: 0, count: classes * classes), pair = 0
        for i in 0..<classes {
            for j in i + 1..<max(i + 1, classes) {
                let value = 1 - PostTransform.logistic(decisions[pair] * probA[pair] + probB[pair])
                matrix[i * classes + j] = min(max(value, 1e-7), 1 - 1e-7)
                matrix[j * classes + i] = 1 - matrix[i * classes + j]
                pair += 1
            }
        }
        return coupledProbabilities(matrix, classes: classes)
    }
}
