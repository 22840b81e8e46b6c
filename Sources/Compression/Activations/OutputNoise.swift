internal import Execution
internal import ModelGraph
internal import Tensors

/// What a changed model loses at its outputs, on a few samples.
struct OutputNoise {
    private let samples: [[Name: Value]]
    private let expected: [[Value]]
    private let threads: Int
    /// So many of the first did not calibrate.
    private let heldBack: Int

    init(_ model: Model, samples: [[Name: Value]], heldBack: Int, threads: Int) throws {
        (self.samples, self.heldBack) = (samples, heldBack)
        self.threads = threads
        let session = try Session(model, options: .init(threads: threads))
        expected = try samples.map { try session.run($0) }
    }

    /// Squared error by squared signal, over all samples: the mean of all float outputs. `most`: samples to run. Where those that calibrated run as well, it is
    /// the geometric mean of what those held back say and what all say: the former are few, and may by chance hold none of the values that a range cuts off;
    /// the others made the ranges.
    func noise(_ model: Model, most: Int = .max) throws -> Double {
        let session = try Session(model, options: .init(threads: threads))
        var sums: [(signal: Double, noise: Double)] = [], ofHeldBack: Double?
        for (number, (sample, outputs)) in zip(samples, expected).prefix(most).enumerated() {
            if number == heldBack, number > 0 { ofHeldBack = Self.mean(sums) }
            let found = try session.run(sample)
            if sums.isEmpty { sums = outputs.map { _ in (0, 0) } }
            for index in outputs.indices {
                guard case .tensor(let x) = outputs[index], case .tensor(let y) = found[index], x.dims == y.dims, x.elementType.isQuantizable,
                    y.elementType == x.elementType, let count = x.elementCount
                else { continue }
                let one = try StripReader.floats(x.plainBytes(), x.elementType, 0..<count), other = try StripReader.floats(y.plainBytes(), y.elementType, 0..<count)
                for (x, y) in zip(one, other) where x.isFinite {
                    sums[index].signal += Double(x) * Double(x)
                    let error = y.isFinite ? Double(x) - Double(y) : Double(x)
                    sums[index].noise += error * error
                }
            }
        }
        let all = Self.mean(sums)
        return ofHeldBack.map { ($0 * all).squareRoot() } ?? all
    }

    private static func mean(_ sums: [(signal: Double, noise: Double)]) -> Double {
        let shares = sums.filter { $0.signal > 0 }.map { $0.noise / $0.signal }
        return shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
    }

    static func decibels(_ noise: Double) -> Double { noise > 0 ? -10 * noise.logarithm10 : .infinity }
}
