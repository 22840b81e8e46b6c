internal import Execution
public import ModelGraph
internal import Tensors

extension Calibration {
    /// Finds how much the steps of `entropy` should differ between tensors: where an error costs little, a wider step.
    ///
    /// With errors that add up, e_l · f² for a step f times as wide, and log₂(1 / f) bits for each of n_l weights, the error at equal bytes is least
    /// where e_l · f_l² / n_l is the same for all (Lagrange; "reverse water-filling", Cover and Thomas, "Elements of Information Theory", 10.3.3).
    /// e_l is measured: the model is run with that tensor alone rounded, on samples that `rounded` was not made with where there are enough.
    public func balanceSteps(
        of model: Model, rounded: Quantization, samples: Samples, threads: Int, progress: @Sendable (String) -> Void = { _ in }
    ) throws {
        let changed = rounded.report.changed.filter { $0.change?.bits ?? 0 > 0 }
        guard changed.count > 1 else { return }
        let values = Self.judges(samples.values, most: max(8, Self.mostRuns / changed.count))
        var encodings: [Place: Encoding] = [:]
        rounded.model.forEachTensor { tensor, place in if case .affine = tensor.encoding { encodings[place] = tensor.encoding } }
        let reference = try Session(model, options: .init(threads: threads))
        let expected = try values.map { try reference.run($0) }
        var errors: [(place: Place, count: Double, error: Double)] = []
        for (index, row) in changed.enumerated() {
            progress("measuring how much each tensor matters, \(index + 1) of \(changed.count)")
            guard let encoding = encodings[row.place] else { continue }
            var one = model
            one.updateTensors { tensor, place in if place == row.place { tensor.encoding = encoding } }
            let session = try Session(one, options: .init(threads: threads))
            var error = 0.0
            for (sample, outputs) in zip(values, expected) { error += try Self.noise(outputs, session.run(sample)) }
            errors.append((row.place, Double(row.dims.reduce(1, *)), error))
        }
        setStepFactors(Self.factors(errors))
    }

    /// Runs of the model altogether, unless 8 samples take more.
    private static let mostRuns = 1000

    /// Samples to measure with, evenly from all that were held out.
    private static func judges(_ values: [[Name: Value]], most: Int) -> [[Name: Value]] {
        var judges = values.indices.filter { isHeldOut($0, of: values.count) }
        if judges.isEmpty { judges = Array(values.indices) }
        let count = min(most, judges.count)
        return (0..<count).map { values[judges[$0 * judges.count / count]] }
    }

    /// Relative squared error of all float outputs, each output for itself.
    private static func noise(_ expected: [Value], _ found: [Value]) throws -> Double {
        var total = 0.0
        for (a, b) in zip(expected, found) {
            guard case .tensor(let x) = a, case .tensor(let y) = b, x.dims == y.dims, x.elementType.isQuantizable, let count = x.elementCount else { continue }
            let one = try StripReader.floats(x.plainBytes(), x.elementType, 0..<count), other = try StripReader.floats(y.plainBytes(), y.elementType, 0..<count)
            var signal = 0.0, noise = 0.0
            for (x, y) in zip(one, other) where x.isFinite && y.isFinite {
                signal += Double(x) * Double(x)
                noise += Double(x - y) * Double(x - y)
            }
            if signal > 0 { total += noise / signal }
        }
        return total
    }

    /// At most by a factor of 8 either way: what the samples do not show at all may still matter.
    static func factors(_ errors: [(place: Place, count: Double, error: Double)]) -> [Place: Float] {
        let floor = (errors.map { $0.error / $0.count }.max() ?? 0) * 1e-9
        guard floor > 0 else { return [:] }
        let widths = errors.map { ($0.count / max($0.error, $0.count * floor)).squareRoot() }
        let total = errors.reduce(0) { $0 + $1.count }
        let mean = zip(errors, widths).reduce(0) { $0 + $1.0.count * $1.1.logarithm10 } / total
        var result: [Place: Float] = [:]
        for (error, width) in zip(errors, widths) {
            let relative = min(max(width.logarithm10 - mean, -0.9), 0.9)
            result[error.place] = Float(relative.powerOfTen)
        }
        return result
    }
}
