internal import ModelGraph
internal import Tensors

/// The losses of NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: `scores` is [batch, classes, …], `target` [batch, …].
enum ClassLoss {
    static func run<T: RealElement>(_ call: Call, softmax: Bool, _: T.Type) throws -> [Value?] {
        let scores = try call.tensor(0), target = try call.tensor(1)
        guard scores.dims.count >= 2, target.dims == [scores.dims[0]] + scores.dims.dropFirst(2) else {
            throw ModelError(.invalidGraph, "scores of \(scores.dims) and targets of \(target.dims); [batch, classes, …] and [batch, …] are needed")
        }
        let (classes, inner) = (scores.dims[1], scores.dims.dropFirst(2).reduce(1, *))
        let labels = try target.integers("the target"), ignored = try call.int("ignore_index")
        guard labels.allSatisfy({ $0 == ignored || 0..<classes ~= $0 }) else { throw ModelError(.invalidGraph, "a target is none of the \(classes) classes") }
        let weights: [T]? = try call.vector(2, count: classes, "the weights")
        let logs = softmax ? try logSoftmax(call, T.load(scores, "the scores"), scores.dims[0], classes, inner) : try T.load(scores, "the scores")
        let losses = try call.newElements(target.dims, T.self)
        var total: T = 0, weight: T = 0
        for (index, label) in labels.enumerated() {
            guard label != ignored else { losses[index] = 0; continue }
            let factor = weights?[label] ?? 1
            losses[index] = -logs[(index / inner * classes + label) * inner + index % inner] * factor
            total += losses[index]
            weight += factor
        }
        let type = scores.elementType, kept: Tensor
        switch try call.string("reduction", "mean") {
        case "none": kept = try T.store(losses, as: type, target.dims)
        case "sum": kept = try T.store(NewElements([total]), as: type, [])
        case "mean": kept = try T.store(NewElements([total / weight]), as: type, [])
        case let other: throw ModelError(.invalidGraph, "'reduction' is '\(printable(other))', none, sum or mean is needed")
        }
        guard softmax, call.wants(1) else { return [.tensor(kept)] }
        return [.tensor(kept), .tensor(try T.store(NewElements(Array(logs)), as: type, scores.dims))]
    }

    private static func logSoftmax<T: RealElement>(_ call: Call, _ x: Elements<T>, _ batch: Int, _ classes: Int, _ inner: Int) throws -> Elements<T> {
        let y = try NewElements<T>(x.count)
        for item in 0..<batch {
            for i in 0..<inner {
                let start = item * classes * inner + i
                var largest = -T.infinity, sum: T = 0
                for c in 0..<classes { largest = max(largest, x[start + c * inner]) }
                for c in 0..<classes { sum += T.exponential(x[start + c * inner] - largest) }
                let shift = largest + T.logarithm(sum)
                for c in 0..<classes { y[start + c * inner] = x[start + c * inner] - shift }
            }
        }
        return try y.finished
    }
}
