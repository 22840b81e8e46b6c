internal import ModelGraph
internal import Tensors

/// Queries, keys or values as [batch, heads, length, size].
struct AttentionHeads<T: RealElement> {
    let elements: Elements<T>
    let batch: Int
    let heads: Int
    let length: Int
    let size: Int

    var dims: [Int] { [batch, heads, length, size] }

    /// A tensor of 4 dimensions as it is, or of 3, [batch, length, heads·size], with its heads brought to the front.
    init(_ tensor: Tensor, heads stated: Int?, _ what: String) throws {
        let values = try T.load(tensor, what), dims = tensor.dims
        if dims.count == 4 {
            (elements, batch, heads, length, size) = (values, dims[0], dims[1], dims[2], dims[3])
            return
        }
        guard dims.count == 3, let heads = stated, heads > 0, dims[2] % heads == 0 else {
            throw ModelError(.invalidGraph, "\(what) has dims \(dims) for \(stated ?? 0) heads; [batch, heads, length, size] or [batch, length, heads·size] is needed")
        }
        (batch, length, self.heads, size) = (dims[0], dims[1], heads, dims[2] / heads)
        elements = try Self.moved(values, outer: dims[0], dims[1], heads, dims[2] / heads).finished
    }

    private init(_ elements: Elements<T>, _ dims: [Int]) {
        (self.elements, batch, heads, length, size) = (elements, dims[0], dims[1], dims[2], dims[3])
    }

    /// `past`, of 4 dimensions, followed by these.
    func after(_ past: Tensor?, _ what: String) throws -> AttentionHeads {
        guard let past else { return self }
        guard past.dims.count == 4, past.dims[0] == batch, past.dims[1] == heads, past.dims[3] == size else {
            throw ModelError(.invalidGraph, "\(what) has dims \(past.dims), [\(batch), \(heads), length, \(size)] is needed")
        }
        let values = try T.load(past, what), before = past.dims[2], all = before + length
        guard let count = elementCount(of: [batch, heads, all, size]) else { throw ModelError(.limit, "\(all) keys are too many") }
        let result = try NewElements<T>(count)
        unsafe result.withPointer { target in
            unsafe values.withPointer { first in
                unsafe elements.withPointer { second in
                    for head in 0..<batch * heads {
                        unsafe (target + head * all * size).update(from: first + head * before * size, count: before * size)
                        unsafe (target + (head * all + before) * size).update(from: second + head * length * size, count: length * size)
                    }
                }
            }
        }
        return AttentionHeads(try result.finished, [batch, heads, all, size])
    }

    func tensor(_ type: ElementType) throws -> Tensor {
        let copy = try NewElements<T>(elements.count)
        unsafe copy.withPointer { target in unsafe elements.withPointer { unsafe target.update(from: $0, count: elements.count) } }
        return try T.store(copy, as: type, dims)
    }

    /// [outer, a, b, inner] as [outer, b, a, inner].
    static func moved(_ values: Elements<T>, outer: Int, _ a: Int, _ b: Int, _ inner: Int) throws -> NewElements<T> {
        let result = try NewElements<T>(values.count)
        unsafe values.withPointer { source in
            unsafe result.withPointer { target in
                for item in 0..<outer {
                    for i in 0..<a {
                        for j in 0..<b {
                            unsafe (target + ((item * b + j) * a + i) * inner).update(from: source + ((item * a + i) * b + j) * inner, count: inner)
                        }
                    }
                }
            }
        }
        return result
    }
}

/// What is added to the products of queries and keys: -infinity where a query must not look.
struct AttentionBias<T: RealElement>: Sendable {
    private var values: [T] = []
    private var strides = [0, 0, 0]
    private var maskLength = 0
    var causal = false
    var window = (left: -1, right: -1)
    /// Keys before the first query, per item of the batch.
    var offsets: [Int] = []
    /// Keys that count, per item of the batch.
    var lengths: [Int]?

    /// `mask` broadcasts to [batch, heads, queries, keys]; keys behind its end are hidden.
    init(_ mask: Tensor?, batch: Int, heads: Int, queries: Int, keys: Int) throws {
        guard let mask else { return }
        guard (1...4).contains(mask.dims.count), let last = mask.dims.last, last <= keys else {
            throw ModelError(.invalidGraph, "the mask has dims \(mask.dims), they must broadcast to [\(batch), \(heads), \(queries), \(keys)]")
        }
        let front = Array(mask.dims.dropLast())
        let broadcast = try Broadcast([[batch, heads, queries], front])
        guard broadcast.dims == [batch, heads, queries] else {
            throw ModelError(.invalidGraph, "the mask has dims \(mask.dims), they must broadcast to [\(batch), \(heads), \(queries), \(keys)]")
        }
        values = mask.elementType == .bool ? try mask.elements(as: UInt8.self).map { $0 != 0 ? 0 : -T.infinity } : Array(try T.load(mask, "the mask"))
        (strides, maskLength) = (broadcast.strides(of: front).map { $0 * last }, last)
        hasMask = true
    }

    private var hasMask = false

    /// The numbers of one row; true if no key is left.
    func fill(_ row: UnsafeMutablePointer<T>, _ keys: Int, item: Int, head: Int, query: Int) -> Bool {
        if hasMask {
            let start = item * strides[0] + head * strides[1] + query * strides[2]
            for j in 0..<maskLength { unsafe row[j] = values[start + j] }
            for j in maskLength..<keys { unsafe row[j] = -T.infinity }
        } else {
            unsafe row.update(repeating: 0, count: keys)
        }
        let place = query + (offsets.isEmpty ? 0 : offsets[item])
        var first = 0, end = lengths.map { min(keys, max(0, $0[item])) } ?? keys
        if causal { end = min(end, max(0, place + 1)) }
        if window.right >= 0 { end = min(end, max(0, place + window.right + 1)) }
        if window.left >= 0 { first = min(keys, max(0, place - window.left)) }
        for j in 0..<first { unsafe row[j] = -T.infinity }
        if end < keys { for j in end..<keys { unsafe row[j] = -T.infinity } }
        return (0..<keys).allSatisfy { unsafe row[$0] == -T.infinity }
    }
}

/// softmax(scale·Q·Kᵀ + bias)·V, head by head.
struct AttentionProduct<T: RealElement> {
    /// Which products are kept, as `qk_matmul_output_mode` numbers them.
    enum Stage: Int { case product, capped, biased, softmax }

    let q: AttentionHeads<T>
    let k: AttentionHeads<T>
    let v: AttentionHeads<T>
    var scale: T
    var cap: T = 0
    var bias: AttentionBias<T>
    var kept: (stage: Stage, elements: NewElements<T>)?

    /// The result is [batch, heads, queries, size of a value].
    func run(into y: NewElements<T>, threads: Int) throws {
        let queries = q.length, keys = k.length, share = q.heads / max(1, k.heads)
        let (scale, cap, bias, kept) = (scale, cap, bias, kept), (size, valueSize, heads) = (q.size, v.size, q.heads)
        unsafe try q.elements.withPointer { q in
            unsafe try k.elements.withPointer { k in
                unsafe try v.elements.withPointer { v in
                    unsafe try y.withPointer { y in
                        nonisolated(unsafe) let q = unsafe q, k = unsafe k, v = unsafe v, y = unsafe y
                        let isSmall = Double(queries) * Double(keys) * Double(size) * Double(heads * self.q.batch) < 500_000
                        try concurrently(self.q.batch * heads, threads: isSmall ? 1 : threads) { index in
                            let (item, head) = (index / heads, index % heads)
                            let source = item * (heads / max(1, share)) + head / max(1, share)
                            let rows = max(1, min(queries, (1 << 18) / max(1, keys)))
                            unsafe try Scratch.with(T.self, rows * keys + keys + 1) { scores in
                                for start in stride(from: 0, to: queries, by: rows) {
                                    let count = min(rows, queries - start)
                                    unsafe try T.multiply(
                                        Product(
                                            m: count, n: keys, k: size, a: q + (index * queries + start) * size, aRow: size, b: k + source * keys * size, bRow: 1,
                                            bColumn: size, c: scores, cRow: keys), threads: 1)
                                    for i in 0..<count {
                                        let row = unsafe scores + i * keys
                                        unsafe Self.soften(row, scores + rows * keys, keys, scale, cap, bias, (item, head, start + i), kept, (index * queries + start + i) * keys)
                                    }
                                    unsafe try T.multiply(
                                        Product(
                                            m: count, n: valueSize, k: keys, a: scores, aRow: keys, b: v + source * keys * valueSize, bRow: valueSize,
                                            c: y + (index * queries + start) * valueSize, cRow: valueSize), threads: 1)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func soften(
        _ row: UnsafeMutablePointer<T>, _ spare: UnsafeMutablePointer<T>, _ keys: Int, _ scale: T, _ cap: T, _ bias: AttentionBias<T>,
        _ place: (item: Int, head: Int, query: Int), _ kept: (stage: Stage, elements: NewElements<T>)?, _ keptStart: Int
    ) {
        func keep(_ stage: Stage) {
            guard let kept, kept.stage == stage else { return }
            unsafe kept.elements.withPointer { unsafe ($0 + keptStart).update(from: row, count: keys) }
        }
        for j in 0..<keys { unsafe row[j] *= scale }
        keep(.product)
        if cap > 0 { for j in 0..<keys { unsafe row[j] = unsafe cap * T.hyperbolicTangent(row[j] / cap) } }
        keep(.capped)
        let isHidden = unsafe bias.fill(spare, keys, item: place.item, head: place.head, query: place.query)
        for j in 0..<keys { unsafe row[j] += spare[j] }
        keep(.biased)
        if isHidden {
            unsafe row.update(repeating: 0, count: keys)
        } else {
            var largest = -T.infinity
            for j in 0..<keys { largest = unsafe max(largest, row[j]) }
            if largest == -T.infinity { largest = 0 }
            var sum: T = 0
            for j in 0..<keys { unsafe row[j] = unsafe T.exponential(row[j] - largest); unsafe sum += row[j] }
            if sum != 0 { for j in 0..<keys { unsafe row[j] /= sum } }
        }
        keep(.softmax)
    }
}
