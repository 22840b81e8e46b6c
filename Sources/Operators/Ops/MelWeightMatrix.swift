package import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

package enum MelWeightMatrix: Inferring, Runnable {
    package static let name: Name = "MelWeightMatrix"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let bins = try call.integers(0)?.first?.ifSize ?? .unknown, length = try call.integers(1)?.first?.ifSize ?? .unknown
        return [Fact(try call.elementType("output_datatype") ?? .float, [length.floorDiv(2) + 1, bins])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        guard let bins = try call.ints(0)?.first, let length = try call.ints(1)?.first, let rate = try call.ints(2)?.first, bins >= 1, length >= 1, rate >= 1,
            let low = try call.tensor(3).floats("the lower edge").first, let high = try call.tensor(4).floats("the upper edge").first,
            bins <= 1 << 24, length <= 1 << 31, rate <= 1 << 31, low >= 0, high.isFinite, low <= high
        else { throw ModelError(.invalidGraph, "sizes of at least 1 and edges from 0 on, the lower one first, are needed") }
        let rows = length / 2 + 1
        func mel(_ hertz: Float) -> Double { 2595 * log10(1 + Double(hertz) / 700) }
        let step = (mel(high) - mel(low)) / Double(bins + 2)
        let places = try (0..<bins + 2).map { index -> Int in
            let hertz = 700 * (pow(10, (Double(index) * step + mel(low)) / 2595) - 1)
            let place = (Double(length + 1) * hertz / Double(rate)).rounded(.down)
            guard place >= 0, place < Double(rows) else { throw ModelError(.invalidGraph, "the edges \(low) and \(high) leave the \(rows) bins of the spectrum") }
            return Int(place)
        }
        let values = try call.newElements([rows, bins], Double.self)
        for index in 0..<values.count { values[index] = 0 }
        for bin in 0..<bins {
            let (left, centre, right) = (places[bin], places[bin + 1], places[bin + 2])
            if left == centre {
                values[centre * bins + bin] = 1
            } else {
                for row in left...centre { values[row * bins + bin] = Double(row - left) / Double(centre - left) }
            }
            if right > centre { for row in centre..<right { values[row * bins + bin] = Double(right - row) / Double(right - centre) } }
        }
        return [.tensor(try CosineWindow.numbers(call, values, [rows, bins]))]
    }
}
