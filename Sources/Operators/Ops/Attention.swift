package import Tensors

package enum Attention: Runnable {
    package static let name: Name = "Attention"

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
