internal import ModelGraph
internal import Tensors

/// The sizes of a transposed convolution: `x` is [batch, inputs, …], `w` is [inputs, outputs / groups, …window].
/// `window` moves over the result; its positions are the elements of the input.
struct TransposedConvolution: Sendable {
    let batch: Int
    let groups: Int
    let channels: Int
    let outputs: Int
    let window: Window

    var dims: [Int] { [batch, groups * outputs] + window.input }

    init(_ call: Call, x: Tensor, w: Tensor) throws {
        let groups = try call.int("group", 1)
        guard x.dims.count >= 2, w.dims.count == x.dims.count, groups >= 1, w.dims[0] == x.dims[1], w.dims[0] % groups == 0 else {
            throw ModelError(.invalidGraph, "cannot convolve \(x.dims) with weights \(w.dims) in \(groups) groups")
        }
        (batch, self.groups, channels, outputs) = (x.dims[0], groups, w.dims[0] / groups, w.dims[1])
        window = try Self.window(call, Array(x.dims.dropFirst(2)), Array(w.dims.dropFirst(2)))
        guard checkedMultiply(groups, outputs) != nil, elementCount(of: dims) != nil else { throw ModelError(.limit, "a result of \(window.input) is too large") }
    }

    private static func window(_ call: Call, _ input: [Int], _ kernel: [Int]) throws -> Window {
        let rank = input.count, ones = Array(repeating: 1, count: rank)
        let strides = try WindowRule.numbers(call.ints("strides") ?? ones, "strides", rank, atLeast: 1)
        let dilations = try WindowRule.numbers(call.ints("dilations") ?? ones, "dilations", rank, atLeast: 1)
        let extra = try WindowRule.numbers(call.ints("output_padding") ?? ones.map { _ in 0 }, "output_padding", rank, atLeast: 0)
        let kernel = try WindowRule.numbers(kernel, "kernel_shape", rank, atLeast: 1)
        var pads = try WindowRule.pads(call, rank)
        // Some exporters give batch and channels, too.
        let stated = try call.ints("output_shape").map { try WindowRule.numbers(Array($0.suffix(rank)), "output_shape", rank, atLeast: 0) }
        let mode = try call.string("auto_pad", "NOTSET")
        var output: [Int] = []
        for axis in 0..<rank {
            guard let reach = checkedMultiply(kernel[axis] - 1, dilations[axis]), let way = checkedMultiply(strides[axis], max(0, input[axis] - 1)), way < 1 << 49,
                reach < 1 << 49
            else { throw ModelError(.limit, "axis \(axis + 2) of the result is too large") }
            let full = way + extra[axis] + reach + 1
            let isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER"
            guard isSame || ["NOTSET", "", "VALID"].contains(mode) else {
                throw ModelError(.invalidGraph, "'auto_pad' is '\(printable(mode))', NOTSET, SAME_UPPER, SAME_LOWER or VALID is needed")
            }
            if stated != nil || isSame {
                let size = stated?[axis] ?? input[axis] * strides[axis]
                let total = max(0, full - size)
                let first = mode == "SAME_UPPER" ? total / 2 : total - total / 2
                (pads[axis], pads[axis + rank]) = (first, total - first)
                output.append(size)
            } else {
                if mode == "VALID" { (pads[axis], pads[axis + rank]) = (0, 0) }
                let size = full - pads[axis] - pads[axis + rank]
                guard size >= 0 else { throw ModelError(.invalidGraph, "borders of \(pads[axis]) and \(pads[axis + rank]) leave nothing of \(full) along axis \(axis + 2)") }
                output.append(size)
            }
        }
        return Window(
            input: output, kernel: kernel, strides: strides, dilations: dilations, before: Array(pads[..<rank]), after: Array(pads[rank...]), output: input)
    }

    func run<T: RealElement>(_ x: Elements<T>, _ w: Elements<T>, bias: [T], into y: NewElements<T>, threads: Int) throws {
        let all = groups * outputs, plane = window.inputCount, positions = window.positions, taps = window.taps
        // Channels of the result that one piece of work makes: pieces never share an element of it.
        let share = max(1, batch * groups >= threads ? outputs : ceilDivide(outputs, threads))
        let shares = ceilDivide(outputs, max(share, 1))
        unsafe try x.withPointer { x in
            unsafe try w.withPointer { w in
                unsafe try y.withPointer { y in
                    for row in 0..<batch * all { unsafe (y + row * plane).update(repeating: bias.isEmpty ? 0 : bias[row % all], count: plane) }
                    guard positions > 0, channels > 0, outputs > 0, plane > 0 else { return }
                    nonisolated(unsafe) let x = unsafe x, w = unsafe w, y = unsafe y
                    try concurrently(batch * groups * shares, threads: threads) { index in
                        let (item, first) = (index / shares, index % shares * share)
                        let count = min(share, outputs - first), group = item % groups
                        unsafe try add(
                            x + item * channels * positions, w + (group * channels * outputs + first) * taps, count,
                            to: y + (item / groups * all + group * outputs + first) * plane)
                    }
                }
            }
        }
    }

    /// What one group adds to `count` channels of the result.
    private func add<T: RealElement>(_ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ count: Int, to y: UnsafeMutablePointer<T>) throws {
        let taps = window.taps, positions = window.positions, plane = window.inputCount, rows = count * taps
        let tile = max(32, min(positions, (1 << 18) / max(1, rows) / 32 * 32))
        unsafe try Scratch.with(T.self, rows * min(tile, positions)) { columns in
            for start in stride(from: 0, to: positions, by: tile) {
                let range = start..<min(positions, start + tile)
                unsafe try T.multiply(
                    Product(
                        m: rows, n: range.count, k: channels, a: w, aRow: 1, aColumn: outputs * taps, b: x + start, bRow: positions, c: columns, cRow: range.count),
                    threads: 1)
                for tap in 0..<taps {
                    window.forEachRun(ofTap: tap, in: range) { run in
                        for channel in 0..<count {
                            let source = unsafe columns + (channel * taps + tap) * range.count + run.position - start
                            let target = unsafe y + channel * plane + run.source
                            for i in 0..<run.count { unsafe target[i * run.step] += source[i] }
                        }
                    }
                }
            }
        }
    }
}
