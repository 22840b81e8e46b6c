internal import Tensors

/// Where each cell of a box lies, in row-major order, for these steps along its axes.
func boxOffsets(_ dims: [Int], _ strides: [Int], from start: Int = 0) -> [Int] {
    // Before anything is listed: the other axes may be of any size.
    if dims.contains(0) { return [] }
    var offsets = [start]
    for (dim, step) in zip(dims, strides) {
        var next: [Int] = []
        next.reserveCapacity(offsets.count * dim)
        for offset in offsets {
            for index in 0..<dim { next.append(offset + index * step) }
        }
        offsets = next
    }
    return offsets
}

/// Dims as three: those before an axis, its own, and those behind it, as one number each.
struct AxisSplit {
    let outer: Int
    let dim: Int
    let inner: Int

    init(_ dims: [Int], at axis: Int) {
        // Parts of a product that was checked.
        outer = dims[..<axis].reduce(1, *)
        dim = dims[axis]
        inner = dims[(axis + 1)...].reduce(1, *)
    }
}

/// `index` of an axis of `dim` cells, counted from the end if negative.
@inline(__always)
func cellIndex(_ index: Int, dim: Int) throws -> Int {
    guard index >= -dim, index < dim else { throw ModelError(.invalidGraph, "index \(index) of an axis of \(dim), \(-dim) to \(dim - 1) exist") }
    return index < 0 ? index + dim : index
}

extension Array where Element == Int {
    /// The same numbers with another at `position`.
    func replacing(_ position: Int, with value: Int) -> [Int] {
        var copy = self
        copy[position] = value
        return copy
    }
}
