internal import CKernels
internal import ModelGraph
internal import Tensors

/// The sizes of a convolution: `x` is [batch, channels, …], `w` is [outputs, channels / groups, …window].
struct Convolution: Sendable {
    let batch: Int
    let groups: Int
    /// Input and output channels of one group.
    let channels: Int
    let outputs: Int
    let window: Window

    var dims: [Int] { [batch, groups * outputs] + window.output }
    /// Steps of the inner product.
    var depth: Int { channels * window.taps }

    init(_ call: Call, x: Tensor, w: Tensor) throws {
        guard x.dims.count >= 2, w.dims.count == x.dims.count else {
            throw ModelError(.invalidGraph, "cannot convolve \(x.dims) with weights \(w.dims): both need one rank of at least 3")
        }
        let groups = try call.int("group", 1)
        guard groups >= 1, w.dims[0] % groups == 0, w.dims[1].multipliedReportingOverflow(by: groups) == (x.dims[1], false) else {
            throw ModelError(.invalidGraph, "cannot convolve \(x.dims) with weights \(w.dims) in \(groups) groups")
        }
        let kernel = Array(w.dims.dropFirst(2))
        if let stated = try call.ints("kernel_shape"), stated != kernel {
            throw ModelError(.invalidGraph, "'kernel_shape' is \(stated), the weights have \(w.dims)")
        }
        (batch, self.groups, channels, outputs) = (x.dims[0], groups, w.dims[1], w.dims[0] / groups)
        window = try Window(call, spatial: Array(x.dims.dropFirst(2)), kernel: kernel)
    }

    /// Window positions that are gathered at once: about 1 MiB of them.
    private var tile: Int { max(32, min(window.positions, ((1 << 18) / max(depth, 1)) / 32 * 32)) }

    /// Calls `body` with the product that each tile of each group is: weights times gathered inputs. `c` of it points into `y`,
    /// which has `dims`, as far as `U` is `T`; `offset` says where in elements.
    private func forEachTile<T: Multipliable>(
        _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, threads: Int, _ body: @escaping @Sendable (Product<T>, _ firstOutput: Int, _ offset: Int) throws -> Void
    ) throws {
        let positions = window.positions, tile = window.isPointwise ? max(32, ceilDivide(positions, threads)) : self.tile
        guard positions > 0, outputs > 0, depth > 0 else { return }
        let tiles = ceilDivide(positions, tile)
        nonisolated(unsafe) let x = unsafe x, w = unsafe w
        let isSmall = Double(batch * groups * outputs) * Double(positions) * Double(depth) < 1_000_000
        try concurrently(batch * groups * tiles, threads: isSmall ? 1 : threads) { index in
            let (item, first) = (index / tiles, index % tiles * tile)
            let range = first..<min(positions, first + tile)
            let input = unsafe x + item * channels * window.inputCount
            let firstOutput = item % groups * outputs
            let weights = unsafe w + firstOutput * depth
            var product = unsafe Product(
                m: outputs, n: range.count, k: depth, a: weights, aRow: depth, b: input, bRow: positions, c: UnsafeMutablePointer(mutating: weights),
                cRow: positions)
            let offset = item * outputs * positions + first
            if window.isPointwise {
                unsafe product.b += first
                return try body(product, firstOutput, offset)
            }
            unsafe try Scratch.with(T.self, depth * range.count) { columns in
                unsafe gather(input, range, into: columns)
                unsafe (product.b, product.bRow) = unsafe (UnsafePointer(columns), range.count)
                try body(product, firstOutput, offset)
            }
        }
    }

    /// The inputs that each tap of each channel sees at the positions of `range`, one row each; 0 in the border.
    private func gather<T: Multipliable>(_ x: UnsafePointer<T>, _ range: Range<Int>, into columns: UnsafeMutablePointer<T>) {
        let taps = window.taps, plane = window.inputCount, width = range.count
        if !window.isInside { unsafe columns.update(repeating: T.nought, count: depth * width) }
        for tap in 0..<taps {
            window.forEachRun(ofTap: tap, in: range) { run in
                for channel in 0..<channels {
                    let target = unsafe columns + (channel * taps + tap) * width + run.position - range.lowerBound
                    let source = unsafe x + channel * plane + run.source
                    if run.step == 1 {
                        unsafe target.update(from: source, count: run.count)
                    } else {
                        for i in 0..<run.count { unsafe target[i] = unsafe source[i * run.step] }
                    }
                }
            }
        }
    }

    /// The convolution of floats; `bias` has one number per output channel or none.
    func run<T: RealElement>(_ x: Elements<T>, _ w: Elements<T>, bias: [T], into y: NewElements<T>, threads: Int) throws {
        unsafe try x.withPointer { x in
            unsafe try w.withPointer { w in
                unsafe try y.withPointer { y in
                    if channels == 1, outputs <= 4, window.taps <= 256, let x = unsafe x as? UnsafePointer<Float>, let w = unsafe w as? UnsafePointer<Float>,
                        let y = unsafe y as? UnsafeMutablePointer<Float>, let bias = bias as? [Float]
                    {
                        return unsafe try runDepthwise(x, w, bias, y, threads)
                    }
                    unsafe fill(y, bias)
                    nonisolated(unsafe) let y = unsafe y
                    unsafe try forEachTile(x, w, threads: threads) { product, _, offset in
                        var product = product
                        unsafe (product.c, product.add) = unsafe (y + offset, !bias.isEmpty)
                        try T.multiply(product, threads: 1)
                    }
                }
            }
        }
    }

    /// Sums of products of integers of 9 bits, given as floats.
    func runExactly(_ x: NewElements<Float>, _ w: NewElements<Float>, bias: [Int32], into y: NewElements<Int32>, threads: Int) throws {
        unsafe try x.withPointer { x in
            unsafe try w.withPointer { w in
                unsafe try y.withPointer { y in
                    unsafe fill(y, [])
                    nonisolated(unsafe) let y = unsafe y
                    let positions = window.positions
                    unsafe try forEachTile(UnsafePointer(x), UnsafePointer(w), threads: threads) { product, _, offset in
                        unsafe try multiplyExactly(product, into: y + offset, cRow: positions)
                    }
                    guard !bias.isEmpty else { return }
                    for row in 0..<batch * groups * outputs {
                        let value = bias[row % (groups * outputs)]
                        for i in 0..<positions { unsafe y[row * positions + i] &+= value }
                    }
                }
            }
        }
    }

    private func fill<T: Multipliable>(_ y: UnsafeMutablePointer<T>, _ bias: [T]) {
        let positions = window.positions, all = groups * outputs
        if bias.isEmpty {
            if depth == 0 { unsafe y.update(repeating: T.nought, count: batch * all * positions) }
            return
        }
        for row in 0..<batch * all { unsafe (y + row * positions).update(repeating: bias[row % all], count: positions) }
    }

    /// One input channel per group: no sums over channels, so the taps are added row by row.
    private func runDepthwise(_ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ bias: [Float], _ y: UnsafeMutablePointer<Float>, _ threads: Int) throws {
        let positions = window.positions, taps = window.taps, all = groups * outputs
        nonisolated(unsafe) let x = unsafe x, w = unsafe w, y = unsafe y
        let isSmall = Double(batch * all) * Double(positions) * Double(taps) < 500_000
        try concurrently(batch * all, threads: isSmall ? 1 : threads) { index in
            let channel = index % all
            let target = unsafe y + index * positions
            unsafe target.update(repeating: bias.isEmpty ? 0 : bias[channel], count: positions)
            let source = unsafe x + (index / all * groups + channel / outputs) * window.inputCount
            for tap in 0..<taps {
                let weight = unsafe w[channel * taps + tap]
                window.forEachRun(ofTap: tap, in: 0..<positions) { run in
                    unsafe thimble_axpy(run.count, weight, source + run.source, run.step, target + run.position)
                }
            }
        }
    }
}
