package import Tensors

package enum TensorScatter: Inferring, Runnable {
    package static let name: Name = "TensorScatter"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let cache = try call.tensor(0), update = try call.tensor(1)
        let axis = try call.axis(call.int("axis", -2), rank: cache.dims.count), mode = try call.string("mode", "linear")
        guard axis > 0, update.dims.count == cache.dims.count, update.dims.replacing(axis, with: 0) == cache.dims.replacing(axis, with: 0) else {
            throw ModelError(.invalidGraph, "an update of \(update.dims) for a cache of \(cache.dims): only axis \(axis), not the first, may differ")
        }
        guard mode == "linear" || mode == "circular" else { throw ModelError(.invalidGraph, "mode is '\(printable(mode))', linear or circular is needed") }
        let split = AxisSplit(cache.dims, at: axis), length = update.dims[axis], batches = cache.dims[0]
        let starts = try call.ints(2) ?? [Int](repeating: 0, count: batches)
        guard starts.count == batches, length <= split.dim, starts.allSatisfy({ $0 >= 0 && $0 < 1 << 48 }) else {
            throw ModelError(.invalidGraph, "write_indices \(starts) for \(batches) batches, update of \(update.dims) for a cache of \(cache.dims)")
        }
        if update.elementCount == 0 { return [.tensor(cache)] }
        var offsets: [Int] = []
        for outer in 0..<split.outer {
            let start = starts[outer / (split.outer / batches)]
            guard mode == "circular" || start <= split.dim - length else {
                throw ModelError(.invalidGraph, "write index \(start) and \(length) more leave the cache of \(split.dim)")
            }
            for step in 0..<length { offsets.append((outer * split.dim + (start + step) % split.dim) * split.inner) }
        }
        return [.tensor(try cache.scattering(update, to: offsets, block: split.inner, .none, call))]
    }
}
