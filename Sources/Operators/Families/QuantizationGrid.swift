internal import Tensors

/// Which scale (and zero point) goes with which element: one for all, one per index of an axis, or one per block along an axis.
struct QuantizationGrid {
    /// The elements as lines: element (o, i, n) lies at (o * length + i) * inner + n.
    let outer: Int
    let length: Int
    let inner: Int
    /// The scale of that element is (o * scaleLength + i / block) * scaleInner + n, or its first two factors where `scaleInner` is 1.
    private let scaleLength: Int
    private let block: Int
    private let scaleInner: Int

    /// Throws, with both shapes, unless the scale fits the input.
    init(_ call: Call, input: [Int], scale: [Int]) throws {
        let rank = input.count, blockSize = try call.int("block_size", 0)
        guard blockSize >= 0 else { throw ModelError(.invalidGraph, "attribute 'block_size' is \(blockSize), at least 0 is needed") }
        if scale.isEmpty || elementCount(of: scale) == 1 && (blockSize == 0 || scale.count <= 1) {
            (outer, length, inner, scaleLength, block, scaleInner) = (1, 1, input.reduce(1, *), 1, 1, 1)
            return
        }
        let axis = try call.axis(call.int("axis", 1), rank: rank)
        let lines = AxisLines(input, axis: axis)
        (outer, length, inner) = (lines.outer, lines.length, lines.inner)
        if blockSize == 0 {
            guard scale == [input[axis]] else {
                throw ModelError(.invalidGraph, "the scale has dims \(scale), the input \(input); one scale or \(input[axis]) for axis \(axis) are needed")
            }
            (scaleLength, block, scaleInner) = (0, 1, 1)
        } else {
            var expected = input
            expected[axis] = ceilDivide(input[axis], blockSize)
            guard scale == expected else {
                throw ModelError(.invalidGraph, "the scale has dims \(scale); for blocks of \(blockSize) along axis \(axis) of \(input) they are \(expected)")
            }
            (scaleLength, block, scaleInner) = (expected[axis], blockSize, lines.inner)
        }
    }

    /// Calls `body` for each run of elements: where it begins, how long it is, which scale is the first and how far the next is.
    @inline(__always)
    func forEachRun(_ body: (_ start: Int, _ count: Int, _ scale: Int, _ step: Int) -> Void) {
        // Without elements the runs may be very many.
        guard length > 0, inner > 0 else { return }
        let step = scaleInner > 1 ? 1 : 0
        for o in 0..<outer {
            for i in 0..<length { body((o * length + i) * inner, inner, (o * scaleLength + i / block) * scaleInner, step) }
        }
    }
}
