package import Tensors

package enum LRN: Inferring, Runnable {
    package static let name: Name = "LRN"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        let size = try call.required("size", call.int("size"))
        guard x.dims.count >= 2, size >= 1 else { throw ModelError(.invalidGraph, "cannot normalize \(x.dims) over \(size) channels") }
        let alpha = T(try call.float("alpha", 0.0001)), beta = T(try call.float("beta", 0.75)), bias = T(try call.float("bias", 1))
        let channels = x.dims[1], plane = x.dims.dropFirst(2).reduce(1, *), batch = x.dims[0]
        // Beyond all channels a window sees no more.
        let before = min(channels, (size - 1) / 2), after = min(channels, size / 2)
        let y = try call.newElements(x.dims, T.self)
        guard y.count > 0 else { return [.tensor(try T.store(y, as: x.elementType, x.dims))] }
        let sums = try NewElements<T>(plane)
        unsafe try T.load(x, "the input").withPointer { x in
            unsafe y.withPointer { y in
                unsafe sums.withPointer { sums in
                    for row in 0..<batch * channels {
                        let (item, channel) = (row / channels, row % channels)
                        unsafe sums.update(repeating: 0, count: plane)
                        for other in max(0, channel - before)...min(channels - 1, channel + after) {
                            let source = unsafe x + (item * channels + other) * plane
                            for i in 0..<plane { unsafe sums[i] += source[i] * source[i] }
                        }
                        for i in 0..<plane { unsafe y[row * plane + i] = unsafe x[row * plane + i] / T.power(bias + alpha / T(size) * sums[i], beta) }
                    }
                }
            }
        }
        return [.tensor(try T.store(y, as: x.elementType, x.dims))]
    }
}
