internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.Attention`: queries, keys and values are made of one input by one product.
package enum MicrosoftAttention: Runnable {
    package static let name: Name = "Attention"
    package static let domain: Name = "com.microsoft"
    package static let limits: String? = "no rotary embedding, no past in a shared buffer, no masks of 4 dimensions or of packed lengths"

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), weights = try call.tensor(1), heads = try call.required("num_heads", call.int("num_heads"))
        guard x.dims.count == 3, weights.dims.count == 2, weights.dims[0] == x.dims[2], heads >= 1 else {
            throw ModelError(.invalidGraph, "an input of \(x.dims), weights of \(weights.dims) and \(heads) heads do not go together")
        }
        guard try !call.bool("do_rotary"), try !call.bool("past_present_share_buffer") else {
            throw ModelError(.unsupported, "'do_rotary' or 'past_present_share_buffer' is set, which is not supported")
        }
        let sizes = try call.ints("qkv_hidden_sizes") ?? Array(repeating: weights.dims[1] / 3, count: 3)
        guard sizes.count == 3, sizes.allSatisfy({ 0...weights.dims[1] ~= $0 && $0 % heads == 0 }), sizes.reduce(0, +) == weights.dims[1] else {
            throw ModelError(.invalidGraph, "weights of \(weights.dims) are no queries, keys and values of \(sizes) for \(heads) heads")
        }
        let made = try parts(call, MatrixOps.product(call, x, weights), sizes)
        let past = try call.optionalTensor(4).map { try halves(call, $0) }
        let attention = try FilteredAttention(call, heads: heads, type: x.elementType, q: made[0], k: made[1], v: made[2], pastK: past?[0], pastV: past?[1])
        let y = try attention.output(
            mask: call.optionalTensor(3), bias: call.optionalTensor(5), filter: call.float("mask_filter_value", -10_000), isCausal: call.bool("unidirectional"),
            scale: call.float("scale", 0))
        return [.tensor(y), call.wants(1) ? .tensor(try present(call, attention, x.elementType)) : nil]
    }

    /// Columns of the product, with their bias.
    private static func parts(_ call: Call, _ product: Tensor, _ sizes: [Int]) throws -> [Tensor] {
        let total = sizes.reduce(0, +), rows = product.dims[0] * product.dims[1], values = try product.floats("the product")
        let bias: [Float] = try call.vector(2, count: total, "the bias") ?? []
        var first = 0
        return try sizes.map { size in
            defer { first += size }
            let dims = [product.dims[0], product.dims[1], size], part = try call.newElements(dims, Float.self)
            for row in 0..<(size > 0 ? rows : 0) {
                for column in 0..<size { part[row * size + column] = values[row * total + first + column] + (bias.isEmpty ? 0 : bias[first + column]) }
            }
            return part.tensor(.float, dims)
        }
    }

    /// Keys and values of former calls: [2, batch, heads, length, size].
    private static func halves(_ call: Call, _ past: Tensor) throws -> [Tensor] {
        guard past.dims.count == 5, past.dims[0] == 2 else {
            throw ModelError(.invalidGraph, "the past has dims \(past.dims), [2, batch, heads, length, size] is needed")
        }
        let values = try past.floats("the past"), dims = Array(past.dims.dropFirst())
        return try [0, 1].map { half in
            let part = try call.newElements(dims, Float.self)
            for index in 0..<part.count { part[index] = values[half * part.count + index] }
            return part.tensor(.float, dims)
        }
    }

    private static func present(_ call: Call, _ attention: FilteredAttention, _ type: ElementType) throws -> Tensor {
        let (k, v) = (attention.k, attention.v)
        guard k.dims == v.dims else { throw ModelError(.invalidGraph, "keys of \(k.dims) and values of \(v.dims) cannot be one output") }
        let dims = [2] + k.dims, both = try call.newElements(dims, Float.self)
        for index in 0..<k.elements.count { (both[index], both[k.elements.count + index]) = (k.elements[index], v.elements[index]) }
        return try Float.store(both, as: type, dims)
    }
}
