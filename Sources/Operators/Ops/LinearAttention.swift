package import Tensors

package enum LinearAttention: Inferring, Runnable {
    package static let name: Name = "LinearAttention"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let (q, k, v) = (try call.tensor(0), try call.dims(1), try call.dims(2)), type = q.elementType
        let heads = try call.required("q_num_heads", call.int("q_num_heads")), groups = try call.required("kv_num_heads", call.int("kv_num_heads"))
        guard heads >= 1, groups >= 1, [q.rank, k?.count, v?.count].allSatisfy({ $0 ?? 3 == 3 }) else {
            throw ModelError(.invalidGraph, "queries are \(q) in \(heads) heads, keys and values in \(groups): 3 dimensions of each are needed")
        }
        let key = k?[2].floorDiv(groups) ?? .unknown, value = (v?[2].floorDiv(groups) ?? .unknown).asSize, batch = (q.dims?[0] ?? k?[0] ?? .unknown).asSize
        return [Fact(type, [batch, q.dims?[1] ?? .unknown, value * heads]), Fact(type, [batch, .value(groups), key, value])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let (q, k, v) = (try call.tensor(0), try call.tensor(1), try call.tensor(2))
        let heads = try call.required("q_num_heads", call.int("q_num_heads")), groups = try call.required("kv_num_heads", call.int("kv_num_heads"))
        guard q.dims.count == 3, k.dims.count == 3, v.dims.count == 3, heads >= 1, groups >= 1, heads % groups == 0, q.dims[2] % heads == 0, k.dims[2] % groups == 0,
            v.dims[2] % groups == 0, q.dims[2] / heads == k.dims[2] / groups, q.dims[0] == k.dims[0], k.dims[0] == v.dims[0], q.dims[1] == k.dims[1], k.dims[1] == v.dims[1]
        else { throw ModelError(.invalidGraph, "queries of \(q.dims), keys of \(k.dims) and values of \(v.dims) do not go together in \(heads) and \(groups) heads") }
        let (batch, length, dk, dv) = (q.dims[0], q.dims[1], q.dims[2] / heads, v.dims[2] / groups)
        let rule = try call.string("update_rule", "gated_delta")
        guard ["linear", "gated", "delta", "gated_delta"].contains(rule) else {
            throw ModelError(.invalidGraph, "'update_rule' is '\(printable(rule))', linear, gated, delta or gated_delta is needed")
        }
        let isGated = rule.hasPrefix("gated"), isDelta = rule.hasSuffix("delta")
        let stated = T(try call.float("scale", 0)), scale = stated == 0 ? 1 / T(max(1, dk)).squareRoot() : stated
        let decay = isGated ? try gate(call, 4, batch, length, [groups * dk, groups], "decay", T.self) : nil
        let beta = isDelta ? try gate(call, 5, batch, length, [groups, 1], "beta", T.self) : nil
        let stateDims = [batch, groups, dk, dv], yDims = [batch, length, heads * dv]
        let state = try call.newElements(stateDims, T.self)
        if let past = try call.vector(3, count: state.count, "past_state", T.self) {
            for (index, value) in past.enumerated() { state[index] = value }
        } else {
            for index in 0..<state.count { state[index] = 0 }
        }
        let queries = try T.load(q, "the queries"), keys = try T.load(k, "the keys"), values = try T.load(v, "the values"), y = try call.newElements(yDims, T.self)
        for item in 0..<(y.count + state.count == 0 ? 0 : batch) {
            for group in 0..<groups {
                let s = (item * groups + group) * dk * dv
                for t in 0..<length {
                    let row = item * length + t, key = (row * groups + group) * dk, value = (row * groups + group) * dv
                    if let decay {
                        for i in 0..<dk {
                            let g = T.exponential(decay.width == groups && groups * dk != groups ? decay.values[row * groups + group] : decay.values[row * decay.width + group * dk + i])
                            for j in 0..<dv { state[s + i * dv + j] *= g }
                        }
                    }
                    let rate = beta.map { $0.values[row * $0.width + ($0.width == 1 ? 0 : group)] } ?? 1
                    for j in 0..<dv {
                        var new = values[value + j]
                        if isDelta { for i in 0..<dk { new -= state[s + i * dv + j] * keys[key + i] } }
                        new *= rate
                        for i in 0..<dk { state[s + i * dv + j] += keys[key + i] * new }
                    }
                    for head in group * (heads / groups)..<(group + 1) * (heads / groups) {
                        for j in 0..<dv {
                            var sum: T = 0
                            for i in 0..<dk { sum += queries[(row * heads + head) * dk + i] * state[s + i * dv + j] }
                            y[(row * heads + head) * dv + j] = scale * sum
                        }
                    }
                }
            }
        }
        return [.tensor(try T.store(y, as: q.elementType, yDims)), .tensor(try T.store(state, as: q.elementType, stateDims))]
    }

    /// An input of [batch, length, one of `widths`].
    private static func gate<T: RealElement>(
        _ call: Call, _ input: Int, _ batch: Int, _ length: Int, _ widths: [Int], _ what: String, _: T.Type
    ) throws -> (values: Elements<T>, width: Int) {
        let tensor = try call.tensor(input)
        guard tensor.dims.count == 3, tensor.dims[0] == batch, tensor.dims[1] == length, widths.contains(tensor.dims[2]) else {
            throw ModelError(.invalidGraph, "\(what) has dims \(tensor.dims), [\(batch), \(length), one of \(widths)] is needed")
        }
        return (try T.load(tensor, what), tensor.dims[2])
    }
}
