internal import ModelGraph
internal import Tensors

/// Sizes of a pooling over `[batch, channels, …]`.
struct Pooling: Sendable {
    let planes: Int
    let window: Window
    let dims: [Int]
    let countsBorder: Bool

    init(_ call: Call, _ x: Tensor) throws {
        guard x.dims.count >= 3 else { throw ModelError(.invalidGraph, "cannot pool \(x.dims): at least 3 dimensions are needed") }
        let kernel = try call.required("kernel_shape", call.ints("kernel_shape"))
        window = try Window(call, spatial: Array(x.dims.dropFirst(2)), kernel: kernel, rounding: call.bool("ceil_mode"))
        guard window.taps <= 1 << 24 else { throw ModelError(.limit, "a window of \(kernel) has more than 2^24 elements, the limit") }
        planes = x.dims[0] * x.dims[1]
        dims = Array(x.dims.prefix(2)) + window.output
        countsBorder = try call.bool("count_include_pad")
    }

    /// Calls `body` with each plane's input and output, on as many threads as are worth it.
    func forEachPlane<T: Element, U: Element>(
        _ x: Elements<T>, _ y: NewElements<U>, threads: Int, _ body: @escaping @Sendable (_ plane: Int, UnsafePointer<T>, UnsafeMutablePointer<U>) throws -> Void
    ) throws {
        let isSmall = Double(planes) * Double(window.positions) * Double(window.taps) < 500_000
        let (size, positions) = (window.inputCount, window.positions)
        unsafe try x.withPointer { x in
            unsafe try y.withPointer { y in
                nonisolated(unsafe) let x = unsafe x, y = unsafe y
                try concurrently(planes, threads: isSmall ? 1 : threads) { unsafe try body($0, x + $0 * size, y + $0 * positions) }
            }
        }
    }

    /// Elements that each position's mean is taken over.
    func counts() -> [Int] {
        var result = [1]
        for axis in window.input.indices {
            let (size, before, after) = (window.input[axis], window.before[axis], window.after[axis])
            let lengths = (0..<window.output[axis]).map { position -> Int in
                let start = position * window.strides[axis] - before
                return (0..<window.kernel[axis]).count { tap in
                    let place = start + tap * window.dilations[axis]
                    return countsBorder ? place < size + after : place >= 0 && place < size
                }
            }
            result = result.flatMap { count in lengths.map { count * $0 } }
        }
        return result
    }
}

extension Pooling {
    /// The largest element under each window position and, if wanted, where it lies in its plane.
    func maximum<T: Element & Comparable>(_ x: Elements<T>, lowest: T, into y: NewElements<T>, places: NewElements<Int64>?, threads: Int) throws {
        let positions = window.positions
        unsafe try forEachPlane(x, y, threads: threads) { plane, x, y in
            unsafe y.update(repeating: lowest, count: positions)
            guard let places else {
                for tap in 0..<window.taps {
                    window.forEachRun(ofTap: tap, in: 0..<positions) { run in
                        let (target, source) = unsafe (y + run.position, x + run.source)
                        // NaN is passed on, as it is larger than nothing.
                        for i in 0..<run.count { let value = unsafe source[i * run.step]; if unsafe !(value <= target[i]) { unsafe target[i] = value } }
                    }
                }
                return
            }
            unsafe places.withPointer { all in
                let place = unsafe all + plane * positions
                unsafe place.update(repeating: -1, count: positions)
                for tap in 0..<window.taps {
                    window.forEachRun(ofTap: tap, in: 0..<positions) { run in
                        for i in 0..<run.count {
                            let value = unsafe x[run.source + i * run.step]
                            guard unsafe place[run.position + i] < 0 || value > y[run.position + i] else { continue }
                            unsafe y[run.position + i] = value
                            unsafe place[run.position + i] = Int64(run.source + i * run.step)
                        }
                    }
                }
            }
        }
    }

    func mean<T: RealElement>(_ x: Elements<T>, into y: NewElements<T>, threads: Int) throws {
        let positions = window.positions
        guard planes > 0 else { return }
        let counts = counts().map { T(max($0, 1)) }
        unsafe try forEachPlane(x, y, threads: threads) { _, x, y in
            unsafe y.update(repeating: 0, count: positions)
            for tap in 0..<window.taps {
                window.forEachRun(ofTap: tap, in: 0..<positions) { run in
                    let (target, source) = unsafe (y + run.position, x + run.source)
                    for i in 0..<run.count { unsafe target[i] += source[i * run.step] }
                }
            }
            for i in 0..<positions { unsafe y[i] /= counts[i] }
        }
    }

    /// The p-norm of the elements under each window position.
    func norm<T: RealElement>(_ x: Elements<T>, p: Int, into y: NewElements<T>, threads: Int) throws {
        let positions = window.positions, power = T(p)
        unsafe try forEachPlane(x, y, threads: threads) { _, x, y in
            unsafe y.update(repeating: 0, count: positions)
            for tap in 0..<window.taps {
                window.forEachRun(ofTap: tap, in: 0..<positions) { run in
                    let (target, source) = unsafe (y + run.position, x + run.source)
                    for i in 0..<run.count { unsafe target[i] += T.power(abs(source[i * run.step]), power) }
                }
            }
            for i in 0..<positions { unsafe y[i] = unsafe T.power(y[i], 1 / power) }
        }
    }
}

/// Pooling over whole planes.
enum GlobalPooling {
    /// Runs `body` on each plane's elements.
    static func run(_ call: Call, _ body: (any GlobalReduction.Type)) throws -> [Value?] {
        let x = try call.tensor(0)
        guard x.dims.count >= 2 else { throw ModelError(.invalidGraph, "cannot pool \(x.dims): at least 2 dimensions are needed") }
        return [.tensor(x.elementType == .double ? try body.run(call, x, Double.self) : try body.run(call, x, Float.self))]
    }
}

/// What a global pooling makes of a plane.
protocol GlobalReduction {
    static func reduce<T: RealElement>(_ plane: UnsafeBufferPointer<T>, _ call: Call) throws -> T
}

extension GlobalReduction {
    fileprivate static func run<T: RealElement>(_ call: Call, _ x: Tensor, _: T.Type) throws -> Tensor {
        let dims = Array(x.dims.prefix(2)) + Array(repeating: 1, count: x.dims.count - 2)
        let y = try call.newElements(dims, T.self)
        let size = x.dims.dropFirst(2).reduce(1, *)
        unsafe try T.load(x, "the input").withUnsafeBuffer { values in
            for plane in 0..<y.count { y[plane] = unsafe try reduce(UnsafeBufferPointer(rebasing: values[plane * size..<(plane + 1) * size]), call) }
        }
        return try T.store(y, as: x.elementType, dims)
    }
}
