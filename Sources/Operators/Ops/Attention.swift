package import Tensors

package enum Attention: Inferring, Runnable {
    package static let name: Name = "Attention"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let (q, k, v) = (try call.tensor(0), try call.tensor(1), try call.tensor(2)), type = q.elementType
        for fact in [q, k, v] {
            if let rank = fact.rank, rank != 3, rank != 4 { throw ModelError(.invalidGraph, "queries are \(q), keys \(k), values \(v); 3 or 4 dimensions of each are needed") }
        }
        let queries = try heads(q, call.int("q_num_heads")), keys = try heads(k, call.int("kv_num_heads")), values = try heads(v, call.int("kv_num_heads"))
        let past = try call.hasInput(4) ? call.dims(4)?[safe: 2] ?? .unknown : 0
        let length = (keys[2] + past).asSize, batch = try call.same(queries[0], keys[0], "queries \(q) and keys \(k) need one batch")
        let y: [Dim]? = q.rank == 3 ? [batch, queries[2], queries[1] * values[3]] : q.rank == 4 ? [batch, queries[1], queries[2], values[3]] : nil
        return [
            Fact(type, y), Fact(type, [keys[0], keys[1], length, keys[3]]), Fact(type, [values[0], values[1], length, values[3]]),
            Fact(type, [batch, queries[1], queries[2], length]),
        ]
    }

    /// [batch, heads, length, size], as `AttentionHeads` has them.
    private static func heads(_ fact: Fact, _ stated: Int?) throws -> [Dim] {
        guard let dims = fact.dims else { return [.unknown, stated.map(Dim.value) ?? .unknown, .unknown, .unknown] }
        if dims.count == 4 { return dims }
        guard let stated, stated > 0, dims[2].value.map({ $0 % stated == 0 }) ?? true else {
            throw ModelError(.invalidGraph, "\(fact) for \(stated ?? 0) heads; [batch, heads, length, size] or [batch, length, heads·size] is needed")
        }
        return [dims[0], .value(stated), dims[1], dims[2].floorDiv(stated)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let type = try call.tensor(0).elementType
        let q = try AttentionHeads<T>(call.tensor(0), heads: call.int("q_num_heads"), "Q")
        let newK = try AttentionHeads<T>(call.tensor(1), heads: call.int("kv_num_heads"), "K")
        let newV = try AttentionHeads<T>(call.tensor(2), heads: call.int("kv_num_heads"), "V")
        let pastK = try call.optionalTensor(4), pastV = try call.optionalTensor(5)
        let k = try newK.after(pastK, "past_key"), v = try newV.after(pastV, "past_value")
        guard (pastK == nil) == (pastV == nil), q.batch == k.batch, k.batch == v.batch, k.heads == v.heads, k.length == v.length, q.size == k.size,
            k.heads > 0, q.heads % k.heads == 0
        else { throw ModelError(.invalidGraph, "queries of \(q.dims), keys of \(k.dims) and values of \(v.dims) do not go together") }
        guard q.batch <= 1 << 24 else { throw ModelError(.limit, "a batch of \(q.batch); the limit is 2^24") }
        let scale = try call.float("scale").map { T($0) } ?? 1 / T(max(1, q.size)).squareRoot()
        let y = try call.newElements([q.batch, q.heads, q.length, v.size], T.self)
        let products = [q.batch, q.heads, q.length, k.length]
        let kept = try call.wants(3) ? call.newElements(products, T.self) : nil
        let mode = try call.int("qk_matmul_output_mode", 0)
        guard let stage = AttentionProduct<T>.Stage(rawValue: mode) else { throw ModelError(.invalidGraph, "'qk_matmul_output_mode' is \(mode), 0 to 3 is needed") }
        try AttentionProduct(
            q: q, k: k, v: v, scale: scale, cap: T(call.float("softcap", 0)), bias: bias(call, q, k, past: pastK?.dims[2]), kept: kept.map { (stage, $0) }
        ).run(into: y, threads: call.environment.threads)
        return [
            .tensor(try result(call, y, q, v.size, type)), call.wants(1) ? .tensor(try k.tensor(type)) : nil,
            call.wants(2) ? .tensor(try v.tensor(type)) : nil, try kept.map { .tensor(try T.store($0, as: type, products)) },
        ]
    }

    private static func bias<T: RealElement>(_ call: Call, _ q: AttentionHeads<T>, _ k: AttentionHeads<T>, past: Int?) throws -> AttentionBias<T> {
        var bias = try AttentionBias<T>(call.optionalTensor(3), batch: q.batch, heads: q.heads, queries: q.length, keys: k.length)
        bias.causal = try call.bool("is_causal")
        bias.window = (try size(call, "left_window_size"), try size(call, "right_window_size"))
        bias.lengths = try call.ints(6)
        if let lengths = bias.lengths {
            guard lengths.count == q.batch, lengths.allSatisfy({ 0...k.length ~= $0 }) else {
                throw ModelError(.invalidGraph, "nonpad_kv_seqlen is \(lengths.prefix(8)), \(q.batch) numbers of 0 to \(k.length) are needed")
            }
            bias.offsets = lengths.map { $0 - q.length }
        }
        if let past { bias.offsets = Array(repeating: past, count: q.batch) }
        return bias
    }

    private static func size(_ call: Call, _ name: Name) throws -> Int {
        let size = try call.int(name, -1)
        guard -1...(1 << 48) ~= size else { throw ModelError(.invalidGraph, "'\(name)' is \(size), -1 to 2^48 is needed") }
        return size
    }

    /// Heads go back behind the queries if they came so.
    private static func result<T: RealElement>(_ call: Call, _ y: NewElements<T>, _ q: AttentionHeads<T>, _ size: Int, _ type: ElementType) throws -> Tensor {
        guard try call.tensor(0).dims.count == 3 else { return try T.store(y, as: type, [q.batch, q.heads, q.length, size]) }
        let moved = try AttentionHeads<T>.moved(y.finished, outer: q.batch, q.heads, q.length, size)
        return try T.store(moved, as: type, [q.batch, q.length, q.heads * size])
    }
}
