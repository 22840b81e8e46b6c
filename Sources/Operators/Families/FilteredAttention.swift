internal import ModelGraph
internal import Tensors

/// What ONNX Runtime's attention operators share: heads of [batch, length, heads·size], keys and values of former calls, and masks
/// that take keys away by adding a large negative number.
struct FilteredAttention {
    let call: Call
    let heads: Int
    let type: ElementType
    private(set) var q: AttentionHeads<Float>
    private(set) var k: AttentionHeads<Float>
    private(set) var v: AttentionHeads<Float>
    /// Keys before the new ones.
    private let past: Int

    init(_ call: Call, heads: Int, type: ElementType, q: Tensor, k: Tensor, v: Tensor, pastK: Tensor?, pastV: Tensor?) throws {
        (self.call, self.heads, self.type) = (call, heads, type)
        self.q = try AttentionHeads(q, heads: heads, "the queries")
        let newK = try AttentionHeads<Float>(k, heads: heads, "the keys"), newV = try AttentionHeads<Float>(v, heads: heads, "the values")
        self.k = try newK.after(pastK, "the past keys")
        self.v = try newV.after(pastV, "the past values")
        past = self.k.length - newK.length
        let isWhole = (pastK == nil) == (pastV == nil) && self.k.length == self.v.length
        guard isWhole, self.q.batch == self.k.batch, self.k.batch == self.v.batch, self.q.size == self.k.size else {
            throw ModelError(.invalidGraph, "queries of \(self.q.dims), keys of \(self.k.dims) and values of \(self.v.dims) do not go together")
        }
    }

    /// [batch, queries, heads·size]. `filter` is added where `mask` takes a key away, `bias` everywhere.
    func output(mask: Tensor?, bias: Tensor?, filter: Float, isCausal: Bool, scale: Float) throws -> Tensor {
        let total = try self.mask(mask, filter, adding: bias)
        var products = try AttentionBias<Float>(total, batch: q.batch, heads: heads, queries: q.length, keys: k.length)
        products.causal = isCausal
        products.offsets = Array(repeating: past, count: q.batch)
        let y = try call.newElements([q.batch, heads, q.length, v.size], Float.self)
        let factor = scale == 0 ? 1 / Float(max(1, q.size)).squareRoot() : scale
        try AttentionProduct(q: q, k: k, v: v, scale: factor, bias: products).run(into: y, threads: call.environment.threads)
        return try Float.store(AttentionHeads<Float>.moved(y.finished, outer: q.batch, heads, q.length, v.size), as: type, [q.batch, q.length, heads * v.size])
    }

    /// What is added to the products: broadcasts to [batch, heads, queries, keys]; nil for nothing.
    private func mask(_ mask: Tensor?, _ filter: Float, adding bias: Tensor?) throws -> Tensor? {
        guard let mask else { return bias }
        let (batch, queries, keys) = (q.batch, q.length, k.length), numbers = try mask.integers("the mask"), dims = mask.dims
        // Where the row of an item and a query begins, or which keys count.
        let row: (Int, Int) -> Int
        switch dims.count {
        case 1 where dims[0] == batch || dims[0] == 2 * batch: row = { _, _ in 0 }
        case 2 where dims == [batch, keys]: row = { item, _ in item * keys }
        case 3 where dims == [batch, queries, keys]: row = { item, query in (item * queries + query) * keys }
        default:
            throw ModelError(
                .invalidGraph, "the mask has dims \(dims); [\(batch)], [\(2 * batch)], [\(batch), \(keys)] or [\(batch), \(queries), \(keys)] is needed")
        }
        let added = try bias.map { try Float.load($0, "the bias") }, front = bias.map { Array($0.dims.prefix(2)) } ?? [1, 1]
        if let bias, bias.dims.count != 4 || bias.dims[2...] != [queries, keys] || ![1, batch].contains(bias.dims[0]) || ![1, heads].contains(bias.dims[1]) {
            throw ModelError(.invalidGraph, "the bias has dims \(bias.dims), [1 or \(batch), 1 or \(heads), \(queries), \(keys)] is needed")
        }
        let result = try call.newElements([batch, front[1], queries, keys], Float.self)
        for item in 0..<batch {
            for head in 0..<front[1] {
                for query in 0..<queries {
                    let start = row(item, query), target = ((item * front[1] + head) * queries + query) * keys
                    let source = ((min(item, front[0] - 1) * front[1] + head) * queries + query) * keys
                    for key in 0..<keys {
                        let counts = dims.count > 1 ? numbers[start + key] != 0 : key < numbers[item] && (dims[0] == batch || key >= numbers[batch + item])
                        result[target + key] = (counts ? 0 : filter) + (added?[source + key] ?? 0)
                    }
                }
            }
        }
        return result.tensor(.float, [batch, front[1], queries, keys])
    }
}
