internal import ModelGraph
internal import Tensors

/// How a window moves over the spatial axes of a tensor (ONNX operators Conv and MaxPool): sizes, steps, borders and the
/// positions that come out. Everything was checked: no product or sum of these numbers leaves 64 bits.
struct Window: Sendable {
    /// Dims of what the window moves over, without batch and channels.
    var input: [Int]
    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]
    /// Border before each axis; the one behind it matters only for the output's dims and for averages.
    var before: [Int]
    var after: [Int]
    /// Positions of the window along each axis.
    var output: [Int]

    var positions: Int { output.reduce(1, *) }
    var taps: Int { kernel.reduce(1, *) }
    var inputCount: Int { input.reduce(1, *) }

    /// True if every tap of every position lies in the input.
    var isInside: Bool {
        input.indices.allSatisfy { before[$0] == 0 && (output[$0] - 1) * strides[$0] + (kernel[$0] - 1) * dilations[$0] < input[$0] }
    }

    /// True if the window is one element and visits every element once.
    var isPointwise: Bool {
        kernel.allSatisfy { $0 == 1 } && strides.allSatisfy { $0 == 1 } && input == output && isInside
    }

    /// Numbers of the node's attributes. `spatial`: dims of the input without batch and channels.
    init(_ call: Call, spatial: [Int], kernel: [Int], rounding ceil: Bool = false) throws {
        guard spatial.count == kernel.count else {
            throw ModelError(.invalidGraph, "'kernel_shape' has \(kernel.count) numbers, \(spatial.count) are needed")
        }
        let rule = try WindowRule(call, kernel: kernel, rounding: ceil)
        (self.kernel, strides, dilations) = (rule.kernel, rule.strides, rule.dilations)
        let axes = try spatial.enumerated().map { try rule.positions($0, of: $1) }
        (input, before, after, output) = (spatial, axes.map(\.before), axes.map(\.after), axes.map(\.count))
        guard elementCount(of: output) != nil, elementCount(of: kernel) != nil else { throw ModelError(.limit, "\(output) positions are too many") }
    }

    /// All sizes at once, for windows that are made otherwise; they were checked.
    init(input: [Int], kernel: [Int], strides: [Int], dilations: [Int], before: [Int], after: [Int], output: [Int]) {
        (self.input, self.kernel, self.strides, self.dilations) = (input, kernel, strides, dilations)
        (self.before, self.after, self.output) = (before, after, output)
    }
}

/// A run of window positions whose tap lies in the input: `count` positions from `position` on read elements from `source` on,
/// `step` apart.
struct WindowRun {
    var position: Int
    var source: Int
    var count: Int
    var step: Int
}

extension Window {
    /// Offsets of tap `tap` along each axis, row-major.
    func offsets(ofTap tap: Int) -> [Int] {
        var rest = tap
        var result = kernel
        for axis in kernel.indices.reversed() {
            result[axis] = rest % kernel[axis] * dilations[axis]
            rest /= kernel[axis]
        }
        return result
    }

    /// Calls `body` for the runs of positions in `range` (row-major) at which tap `tap` lies in the input.
    @inline(__always)
    func forEachRun(ofTap tap: Int, in range: Range<Int>, _ body: (WindowRun) -> Void) {
        let inner = input.count - 1
        guard inner >= 0 else { return body(WindowRun(position: 0, source: 0, count: 1, step: 1)) }
        let offsets = offsets(ofTap: tap)
        let width = output[inner], size = input[inner], step = strides[inner]
        guard width > 0 else { return }
        let shift = offsets[inner] - before[inner]
        // Positions x with 0 <= x·step + shift < size.
        let low = shift >= 0 ? 0 : ceilDivide(-shift, step)
        let high = size > shift ? min(width, ceilDivide(size - shift, step)) : 0
        var row = range.lowerBound / width
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (row + 1) * width)
            if let base = rowStart(row, offsets) {
                let first = max(low, start - row * width), last = min(high, end - row * width)
                if first < last {
                    body(WindowRun(position: row * width + first, source: base + first * step + shift, count: last - first, step: step))
                }
            }
            start = end
            row += 1
        }
    }

    /// Where the input's row of output row `row` starts for a tap, nil if it lies in the border.
    @inline(__always)
    private func rowStart(_ row: Int, _ offsets: [Int]) -> Int? {
        var rest = row, base = 0, scale = input[input.count - 1]
        for axis in stride(from: input.count - 2, through: 0, by: -1) {
            let place = rest % output[axis] * strides[axis] + offsets[axis] - before[axis]
            rest /= output[axis]
            guard place >= 0, place < input[axis] else { return nil }
            base += place * scale
            scale *= input[axis]
        }
        return base
    }
}
