#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
package import Tensors

package enum Multinomial: Inferring, Runnable {
    package static let name: Name = "Multinomial"
    package static let limits: String? = "other numbers than those of NumPy or ONNX Runtime"
    package static let isRandom = true

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.elementType("dtype") ?? .int32, [try call.dims(0)?.first ?? .unknown, .value(try call.int("sample_size", 1))])] }

    /// Classes drawn for each row; the input has logarithms of probabilities, which need not add up to 1.
    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0), type = try call.elementType("dtype") ?? .int32, samples = try call.int("sample_size", 1)
        guard input.dims.count == 2, input.dims[1] > 0, input.dims[1] <= Int32.max else {
            throw ModelError(.invalidGraph, "the input has dims \(input.dims); [batch, classes] with at least one class is needed")
        }
        guard input.elementType.isFloat else { throw ModelError(.invalidGraph, "the input is \(input.elementType), a float type is needed") }
        guard type == .int32 || type == .int64 else { throw ModelError(.invalidGraph, "'dtype' is \(type), INT32 or INT64 is needed") }
        guard samples > 0 else { throw ModelError(.invalidGraph, "'sample_size' is \(samples), at least 1 is needed") }
        let dims = [input.dims[0], samples]
        let count = try call.room(for: dims, of: type)
        let logits: Elements<Double> = try input.numbers("the input")
        let draws = try draw(logits, classes: input.dims[1], rows: input.dims[0], samples: samples, RandomSource(call), count)
        if type == .int64 { return [.tensor(draws.tensor(.int64, dims))] }
        let result = try NewElements<Int32>(count)
        for index in 0..<count { result[index] = Int32(truncatingIfNeeded: draws[index]) }
        return [.tensor(result.tensor(.int32, dims))]
    }

    private static func draw(
        _ logits: Elements<Double>, classes: Int, rows: Int, samples: Int, _ source: RandomSource, _ count: Int
    ) throws -> NewElements<Int64> {
        var random = source
        let result = try NewElements<Int64>(count)
        var sums = [Double](repeating: 0, count: classes)
        for row in 0..<rows {
            var greatest = -Double.infinity
            for index in 0..<classes where logits[row * classes + index].isFinite { greatest = max(greatest, logits[row * classes + index]) }
            var sum = 0.0
            for index in 0..<classes {
                let logit = logits[row * classes + index]
                if logit.isFinite { sum += exp(logit - greatest) }
                sums[index] = sum
            }
            for sample in 0..<samples {
                let point = random.uniform() * sum
                var low = 0, high = classes - 1
                while low < high {
                    let middle = (low + high) / 2
                    if sums[middle] > point { high = middle } else { low = middle + 1 }
                }
                result[row * samples + sample] = Int64(low)
            }
        }
        return result
    }
}
