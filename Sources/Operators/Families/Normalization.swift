internal import ModelGraph
internal import Tensors

/// Rows of `length` elements, each brought to mean 0 and variance 1.
struct Normalization: Sendable {
    var rows: Int
    var length: Int
    var epsilon: Double
    /// False: divided by the root of the mean square, the mean stays (RMS normalization).
    var centres = true

    /// `scale(row, index)` and `bias` are looked up by one period: element i of row r uses index `(r * length + i) / inner % count`.
    struct Factors<T: RealElement>: Sendable {
        var scale: [T]?
        var bias: [T]?
        var inner = 1
    }

    /// Sets y; `means` and `inverses` get one number per row if wanted.
    func run<T: RealElement>(
        _ x: UnsafePointer<T>, _ factors: Factors<T>, into y: UnsafeMutablePointer<T>, means: NewElements<T>? = nil, inverses: NewElements<T>? = nil, threads: Int
    ) throws {
        guard length > 0 else { return }
        nonisolated(unsafe) let x = unsafe x, y = unsafe y
        let block = max(1, 65_536 / max(length, 1))
        try concurrently(ceilDivide(rows, block), threads: threads) { part in
            for row in part * block..<min(rows, (part + 1) * block) {
                let source = unsafe x + row * length, target = unsafe y + row * length
                let mean = centres ? unsafe Self.sum(source, length, from: nil) / T(max(length, 1)) : 0
                let square = unsafe Self.sum(source, length, from: mean)
                let inverse = 1 / (square / T(max(length, 1)) + T(epsilon)).squareRoot()
                for i in 0..<length { unsafe target[i] = unsafe (source[i] - mean) * inverse }
                unsafe apply(factors, row, target)
                means?[row] = mean
                inverses?[row] = inverse
            }
        }
    }

    /// The sum of the numbers, or of the squares of their distances from `mean`. Of blocks, so that long rows lose nothing.
    static func sum<T: RealElement>(_ x: UnsafePointer<T>, _ count: Int, from mean: T?) -> T {
        var total = 0.0
        for start in stride(from: 0, to: count, by: 256) {
            var sum: T = 0
            if let mean {
                for i in start..<min(count, start + 256) { let d = unsafe x[i] - mean; sum += d * d }
            } else {
                for i in start..<min(count, start + 256) { unsafe sum += x[i] }
            }
            total += Double(sum)
        }
        return T(total)
    }

    private func apply<T: RealElement>(_ factors: Factors<T>, _ row: Int, _ y: UnsafeMutablePointer<T>) {
        guard let count = factors.scale?.count ?? factors.bias?.count, count > 0 else { return }
        var index = row * length / factors.inner % count, left = factors.inner - row * length % factors.inner
        var i = 0
        while i < length {
            if factors.inner == 1, index == 0, count <= length - i {
                if let scale = factors.scale { for j in 0..<count { unsafe y[i + j] *= scale[j] } }
                if let bias = factors.bias { for j in 0..<count { unsafe y[i + j] += bias[j] } }
                i += count
                continue
            }
            let run = min(left, length - i), scale = factors.scale?[index] ?? 1, bias = factors.bias?[index] ?? 0
            for j in i..<i + run { unsafe y[j] = unsafe y[j] * scale + bias }
            i += run
            (index, left) = ((index + 1) % count, factors.inner)
        }
    }
}

extension Normalization {
    /// LayerNormalization, RMSNormalization and their relatives: over the axes from `axis` on. `residual` is added first.
    /// Gives Y, Mean, InvStdDev and the sum that was normalized.
    static func layers<T: RealElement>(
        _ call: Call, _ x: Tensor, scale: Tensor?, bias: Tensor?, axis: Int, epsilon: Float, centres: Bool, adding residuals: [Tensor] = [], _: T.Type
    ) throws -> (y: Tensor, mean: Tensor, inverse: Tensor, sum: Tensor) {
        let tail = Array(x.dims[axis...]), length = tail.reduce(1, *)
        let rows = x.dims[..<axis].reduce(1, *)
        // Of no elements there may be rows or columns without end.
        guard let size = checkedMultiply(max(rows, length), 4) else { throw ModelError(.limit, "\(x.dims) is too large to normalize") }
        try call.environment.checkAllocation(size)
        let y = try call.newElements(x.dims, T.self)
        let means = try call.newElements([rows], T.self), inverses = try call.newElements([rows], T.self)
        let sum = try self.sum(call, x, residuals, T.self)
        let work = Normalization(rows: rows, length: length, epsilon: Double(epsilon), centres: centres)
        let isEmpty = y.count == 0
        if isEmpty { for row in 0..<rows { (means[row], inverses[row]) = (0, 0) } }
        let scales = isEmpty ? nil : try scale.map { try factors($0, tail, "the scale", T.self) }, biases = isEmpty ? nil : try bias.map { try factors($0, tail, "the bias", T.self) }
        unsafe try sum.withPointer { x in
            unsafe try y.withPointer { y in
                unsafe try work.run(x, Factors(scale: scales, bias: biases), into: y, means: means, inverses: inverses, threads: call.environment.threads)
            }
        }
        let statistics = Array(x.dims[..<axis]) + tail.map { _ in 1 }
        let total = residuals.isEmpty ? x : try T.store(copy(sum), as: x.elementType, x.dims)
        let type: ElementType = x.elementType == .double ? .double : .float
        return (try T.store(y, as: x.elementType, x.dims), try T.store(means, as: type, statistics), try T.store(inverses, as: type, statistics), total)
    }

    private static func copy<T: Element>(_ values: Elements<T>) throws -> NewElements<T> {
        let result = try NewElements<T>(values.count)
        unsafe values.withPointer { source in unsafe result.withPointer { unsafe $0.update(from: source, count: values.count) } }
        return result
    }

    private static func sum<T: RealElement>(_ call: Call, _ x: Tensor, _ others: [Tensor], _: T.Type) throws -> Elements<T> {
        let first = try T.load(x, "the input")
        guard !others.isEmpty else { return first }
        let result = try copy(first)
        for other in others {
            let broadcast = try Broadcast([x.dims, other.dims]), values = try T.load(other, "an addend")
            guard broadcast.dims == x.dims, values.count > 0 || first.isEmpty else {
                throw ModelError(.invalidGraph, "cannot add \(other.dims) to \(x.dims): it must broadcast to it")
            }
            // What is repeated along leading axes only repeats as a whole.
            guard x.dims.suffix(other.dims.count).elementsEqual(other.dims) || other.dims.first == 1 && x.dims.suffix(other.dims.count - 1).elementsEqual(other.dims.dropFirst()) else {
                throw ModelError(.unsupported, "cannot add \(other.dims) to \(x.dims)")
            }
            for index in 0..<result.count { result[index] += values[index % values.count] }
        }
        return try result.finished
    }

    /// A scale or bias that broadcasts to the axes that are normalized, written out.
    static func factors<T: RealElement>(_ tensor: Tensor, _ dims: [Int], _ what: String, _: T.Type) throws -> [T] {
        let values = try T.load(tensor, what)
        // Leading ones of the scale belong to axes that are not normalized.
        let own = tensor.dims.count > dims.count ? Array(tensor.dims.drop { $0 == 1 }) : tensor.dims
        let broadcast = try Broadcast([dims, own])
        guard broadcast.dims == dims else { throw ModelError(.invalidGraph, "\(what) has dims \(tensor.dims), they must broadcast to \(dims)") }
        if values.count == broadcast.count { return Array(values) }
        let strides = broadcast.strides(of: own), dense = denseStrides(dims)
        return (0..<broadcast.count).map { index in
            values[dims.indices.reduce(0) { $0 + index / dense[$1] % dims[$1] * strides[$1] }]
        }
    }
}
