package import Tensors

package enum SplitToSequence: Runnable {
    package static let name: Name = "SplitToSequence"

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let axis = try call.axis(call.int("axis", 0), rank: data.dims.count), dim = data.dims[axis]
        let split = try call.optionalTensor(1)
        // A value per part, even where the parts hold no elements.
        try call.environment.checkAllocation(256 * dim)
        var sizes = try split?.integers("input 1, the split,") ?? [Int](repeating: 1, count: dim)
        if let split, split.dims.isEmpty {
            guard let size = sizes.first, size > 0 else { throw ModelError(.invalidGraph, "the split is \(sizes), at least 1 is needed") }
            sizes = stride(from: 0, to: dim, by: size).map { min(size, dim - $0) }
        }
        var parts = try data.parts(call, axis: axis, sizes: sizes)
        if split == nil, try !call.bool("keepdims", true) {
            var dims = data.dims
            dims.remove(at: axis)
            parts = parts.map { $0.reshaped(dims) }
        }
        return [.sequence(parts.map { .tensor($0) })]
    }
}
