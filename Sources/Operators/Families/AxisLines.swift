internal import Tensors

/// A tensor seen as lines along one axis (or several neighbours): element `i` of line (o, n) lies at (o * length + i) * inner + n.
struct AxisLines {
    let outer: Int
    let length: Int
    let inner: Int

    /// Lines along `axes`, which lie within the dims; their count did not overflow, so no part of it does.
    init(_ dims: [Int], _ axes: Range<Int>) {
        outer = dims[..<axes.lowerBound].reduce(1, *)
        length = dims[axes].reduce(1, *)
        inner = dims[axes.upperBound...].reduce(1, *)
    }

    init(_ dims: [Int], axis: Int) { self.init(dims, axis..<axis + 1) }

    /// Calls `body` with the offset of each line's first element; the next ones follow `inner` apart.
    @inline(__always)
    func forEach(_ body: (Int) -> Void) {
        // Without elements the lines may be very many.
        guard length > 0, inner > 0 else { return }
        for o in 0..<outer {
            for n in 0..<inner { body(o * length * inner + n) }
        }
    }
}
