package import Tensors

package enum SplitToSequence: Inferring, Runnable {
    package static let name: Name = "SplitToSequence"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        guard var dims = data.dims else { return [.sequence(of: Fact(data.elementType))] }
        let axis = try call.axis(call.int("axis", 0), rank: dims.count)
        if !call.hasInput(1) {
            if try call.bool("keepdims", true) { dims[axis] = 1 } else { dims.remove(at: axis) }
        } else {
            // One size is that of all parts but the last.
            let split = try call.tensor(1), sizes = split.integers ?? [], size = sizes.first ?? .unknown
            let isEven = split.rank == 0 ? size.isPositive && dims[axis].floorDiv(size) * size == dims[axis] : sizes.allSatisfy { $0.isSame(as: size) }
            dims[axis] = split.rank != nil && isEven ? size : .unknown
        }
        return [.sequence(of: Fact(data.elementType, dims))]
    }

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
