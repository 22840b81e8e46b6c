package import Tensors

package enum RotaryEmbedding: Inferring, Runnable {
    package static let name: Name = "RotaryEmbedding"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0), dims = x.dims
        let heads: Int, length: Int, size: Int
        if dims.count == 4 {
            (heads, length, size) = (dims[1], dims[2], dims[3])
        } else {
            let stated = try call.int("num_heads", 0)
            guard dims.count == 3, stated > 0, dims[2] % stated == 0 else {
                throw ModelError(.invalidGraph, "the input has dims \(dims) for \(stated) heads; [batch, length, heads·size] or 4 dimensions are needed")
            }
            (heads, length, size) = (stated, dims[1], dims[2] / stated)
        }
        let stated = try call.int("rotary_embedding_dim", 0), turned = stated == 0 ? size : stated
        guard turned >= 0, turned <= size, turned % 2 == 0 else { throw ModelError(.invalidGraph, "cannot turn \(turned) of \(size) numbers: an even number is needed") }
        let half = turned / 2, isInterleaved = try call.bool("interleaved")
        if x.elementCount == 0 { return [.tensor(x)] }
        let rows = try places(call, dims[0], length, half)
        let cos = try T.load(call.tensor(1), "the cosines"), sin = try T.load(call.tensor(2), "the sines")
        let values = try T.load(x, "the input"), y = try call.newElements(dims, T.self)
        for item in 0..<dims[0] {
            for head in 0..<heads {
                for place in 0..<length {
                    let start = (dims.count == 4 ? (item * heads + head) * length + place : (item * length + place) * heads + head) * size
                    let row = rows[item * length + place] * half
                    for i in 0..<half {
                        let (a, b) = isInterleaved ? (start + 2 * i, start + 2 * i + 1) : (start + i, start + half + i)
                        y[a] = cos[row + i] * values[a] - sin[row + i] * values[b]
                        y[b] = sin[row + i] * values[a] + cos[row + i] * values[b]
                    }
                    for i in turned..<size { y[start + i] = values[start + i] }
                }
            }
        }
        return [.tensor(try T.store(y, as: x.elementType, dims))]
    }

    /// Which row of the caches each position of each item uses.
    private static func places(_ call: Call, _ batch: Int, _ length: Int, _ half: Int) throws -> [Int] {
        let (cos, sin) = (try call.tensor(1).dims, try call.tensor(2).dims)
        guard let ids = try call.ints(3) else {
            guard cos == [batch, length, half], sin == cos else {
                throw ModelError(.invalidGraph, "the caches have dims \(cos) and \(sin), [\(batch), \(length), \(half)] is needed")
            }
            return Array(0..<batch * length)
        }
        guard cos.count == 2, cos[1] == half, sin == cos, ids.count == batch * length, ids.allSatisfy({ 0..<cos[0] ~= $0 }) else {
            throw ModelError(.invalidGraph, "\(ids.count) position ids and caches of \(cos) and \(sin); [\(batch), \(length)] ids of rows of [rows, \(half)] are needed")
        }
        return ids
    }
}
