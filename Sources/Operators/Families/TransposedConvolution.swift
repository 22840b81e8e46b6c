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
        let rule = try TransposedWindowRule(call, kernel: kernel)
        let axes = try input.enumerated().map { try rule.borders($0, of: $1) }
        return Window(
            input: axes.map(\.size), kernel: rule.kernel, strides: rule.strides, dilations: rule.dilations, before: axes.map(\.before), after: axes.map(\.after),
            output: input)
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
