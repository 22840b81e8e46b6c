package import Tensors

package enum TreeEnsembleClassifier: Inferring, Runnable {
    package static let name: Name = "TreeEnsembleClassifier"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let labels = try call.labels(ints: "classlabels_int64s", strings: "classlabels_strings"), rows = try call.rows().asSize
        return [Fact(labels.type, [rows]), Fact(.float, [rows, .value(labels.count)])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        return x.elementType == .double ? try run(x, call, Double.self) : try run(x, call, Float.self)
    }

    private static func run<T: Element & BinaryFloatingPoint>(_ x: Tensor, _ call: Call, _: T.Type) throws -> [Value?] {
        let labels = try ClassLabels(call, ints: "classlabels_int64s", strings: "classlabels_strings")
        let attributes = TreeAttributes<T>(prefix: "class", call: call)
        let forest = try attributes.forest(), matrix = try FeatureMatrix<T>(x)
        let scores = try forest.scores(matrix, targets: labels.count, .sum, call)
        let base = try attributes.values("base_values")
        guard base.isEmpty || base.count == labels.count || (base.count == 1 && labels.count == 2) else {
            throw ModelError(.invalidGraph, "'base_values' has \(base.count) numbers, \(labels.count) are needed")
        }
        let classes = Classes(scores: scores, base: base, transform: try PostTransform(call))
        let picks: [Int]
        if labels.count == 1 {
            picks = classes.one()
        } else if labels.count == 2, Set(forest.votes.map(\.target)).count <= 1 {
            picks = classes.two(areProbabilities: forest.votes.allSatisfy { $0.weight >= 0 })
        } else {
            picks = classes.many()
        }
        let result = try NewElements<Float>(scores.values.count)
        for index in 0..<result.count { result[index] = Float(scores.values[index]) }
        let names = labels.count == 1 ? labels.ofOneScore : labels
        return [.tensor(try names.tensor(picks, call)), .tensor(result.tensor(.float, [matrix.rows, labels.count]))]
    }
}

/// How ONNX Runtime makes classes of the votes of trees. Each way changes the scores in place and picks a label for each row.
private struct Classes<T: Element & BinaryFloatingPoint> {
    let scores: DecisionForest<T>.Scores
    let base: [T]
    let transform: PostTransform

    private var rows: Range<Int> { 0..<scores.values.count / scores.targets }

    func one() -> [Int] {
        rows.map { row in
            if let base = base.first { scores.values[row] += base }
            let pick = scores.values[row] > 0 ? 1 : 0
            transform.apply(to: scores.values, from: row, width: 1)
            return pick
        }
    }

    /// The class with the highest score among those that a tree voted for.
    func many() -> [Int] {
        let width = scores.targets
        return rows.map { row in
            var best: Int?
            for target in 0..<width {
                let index = row * width + target
                if !base.isEmpty { scores.values[index] += base.count == width ? base[target] : base[0] }
                guard !base.isEmpty || scores.voted[index] != 0 else { continue }
                if best == nil || scores.values[index] > scores.values[row * width + (best ?? 0)] { best = target }
            }
            transform.apply(to: scores.values, from: row * width, width: width)
            return best ?? 0
        }
    }

    /// All trees vote for one of two classes. With votes for class 0 the score is that of the positive class nevertheless.
    /// `areProbabilities` says that no vote is negative.
    func two(areProbabilities: Bool) -> [Int] {
        rows.map { row in
            let index = 2 * row
            var score = (scores.values[index], scores.values[index + 1])
            let voted = (scores.voted[index] != 0, scores.voted[index + 1] != 0)
            if base.count == 2 {
                score = voted.1 ? (-(base[1] + score.0), base[1] + score.0) : (base[0] + score.0, base[1] + score.1)
            } else if let base = base.first {
                score.0 += base
            }
            let positive = voted.1 ? score.1 : voted.0 ? score.0 : 0
            if voted.1 || base.count == 2 {
                scores.values[index] = voted.0 ? score.0 : 0
                scores.values[index + 1] = voted.1 ? score.1 : 0
                transform.apply(to: scores.values, from: index, width: 2)
            } else {
                (scores.values[index], scores.values[index + 1]) = transform.pair(score.0, complement: areProbabilities)
            }
            return positive > (areProbabilities ? 0.5 : 0) ? 1 : 0
        }
    }
}
