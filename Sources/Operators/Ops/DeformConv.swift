package import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

package enum DeformConv: Inferring, Runnable {
    package static let name: Name = "DeformConv"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.convolution(call.dims(0), call.dims(1)))] }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0), w = try call.tensor(1), offset = try call.tensor(2), mask = try call.optionalTensor(4)
        guard x.dims.count == 4 else { throw ModelError(.unsupported, "the input has dims \(x.dims); 2 spatial axes are supported") }
        let sizes = try Convolution(call, x: x, w: w), window = sizes.window, taps = window.taps
        let shares = try call.int("offset_group", 1), channels = x.dims[1]
        guard shares >= 1, shares <= max(1, channels), channels % shares == 0, offset.dims == [x.dims[0], 2 * shares * taps] + window.output,
            mask == nil || mask?.dims == [x.dims[0], shares * taps] + window.output
        else { throw ModelError(.invalidGraph, "offsets of \(offset.dims) and a mask of \(mask?.dims ?? []) for \(shares) groups of \(taps) taps at \(window.output)") }
        let values = try T.load(x, "the input"), weights = try T.load(w, "the weights"), moves = try T.load(offset, "the offsets")
        let factors = try mask.map { try T.load($0, "the mask") }
        let bias: [T] = try call.vector(3, count: w.dims[0], "the bias") ?? []
        let y = try call.newElements(sizes.dims, T.self)
        let (positions, all) = (window.positions, w.dims[0]), (height, width) = (x.dims[2], x.dims[3])
        guard let count = checkedMultiply(sizes.depth, positions) else { throw ModelError(.limit, "\(sizes.depth) taps at \(positions) positions are too many") }
        try call.environment.checkAllocation(checkedMultiply(count, MemoryLayout<T>.stride) ?? .max)
        let columns = try NewElements<T>(count)
        for item in 0..<x.dims[0] {
            for group in 0..<sizes.groups {
                for channel in 0..<sizes.channels {
                    let whole = group * sizes.channels + channel, share = whole / (channels / shares), plane = (item * channels + whole) * height * width
                    for tap in 0..<taps {
                        let reach = window.offsets(ofTap: tap)
                        let first = ((item * shares + share) * taps + tap) * 2 * positions
                        for position in 0..<positions {
                            let top = position / window.output[1] * window.strides[0] - window.before[0] + reach[0]
                            let left = position % window.output[1] * window.strides[1] - window.before[1] + reach[1]
                            var value = sample(values, plane, height, width, T(top) + moves[first + position], T(left) + moves[first + positions + position])
                            if let factors { value *= factors[((item * shares + share) * taps + tap) * positions + position] }
                            columns[(channel * taps + tap) * positions + position] = value
                        }
                    }
                }
                let row = item * all + group * sizes.outputs
                for output in 0..<sizes.outputs {
                    for position in 0..<positions { y[(row + output) * positions + position] = bias.isEmpty ? 0 : bias[group * sizes.outputs + output] }
                }
                unsafe try columns.withPointer { columns in
                    unsafe try weights.withPointer { weights in
                        unsafe try y.withPointer { y in
                            unsafe try T.multiply(
                                Product(
                                    m: sizes.outputs, n: positions, k: sizes.depth, a: weights + group * sizes.outputs * sizes.depth, aRow: sizes.depth, b: UnsafePointer(columns),
                                    bRow: positions, c: y + row * positions, cRow: positions, add: true), threads: call.environment.threads)
                        }
                    }
                }
            }
        }
        return [.tensor(try T.store(y, as: x.elementType, sizes.dims))]
    }

    /// Between four elements; those outside are 0.
    private static func sample<T: RealElement>(_ x: Elements<T>, _ plane: Int, _ height: Int, _ width: Int, _ row: T, _ column: T) -> T {
        guard row > -1, row < T(height), column > -1, column < T(width) else { return 0 }
        let top = Int(row.rounded(.down)), left = Int(column.rounded(.down))
        let down = row - T(top), right = column - T(left)
        func at(_ i: Int, _ j: Int) -> T { i >= 0 && i < height && j >= 0 && j < width ? x[plane + i * width + j] : 0 }
        return at(top, left) * (1 - down) * (1 - right) + at(top, left + 1) * (1 - down) * right + at(top + 1, left) * down * (1 - right)
            + at(top + 1, left + 1) * down * right
    }
}
