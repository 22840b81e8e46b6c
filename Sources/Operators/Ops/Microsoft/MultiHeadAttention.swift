internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.MultiHeadAttention`: queries, keys and values are given.
package enum MultiHeadAttention: Runnable {
    package static let name: Name = "MultiHeadAttention"
    package static let domain: Name = "com.microsoft"
    package static let limits: String? = "no packed queries, keys and values, no past in a shared buffer, no output of the products"

    package static func run(_ call: Call) throws -> [Value?] {
        let query = try call.tensor(0), heads = try call.required("num_heads", call.int("num_heads"))
        guard query.dims.count == 3, call.hasInput(1), call.hasInput(2) else {
            throw ModelError(.unsupported, "packed queries, keys and values (of \(query.dims)) are not supported")
        }
        guard !call.hasInput(8), !call.hasInput(9), !call.wants(3) else {
            throw ModelError(.unsupported, "a past of another length than its buffer, and the products as an output, are not supported")
        }
        let given = [query, try call.tensor(1), try call.tensor(2)]
        let widths = given.map { $0.dims.count == 3 ? $0.dims[2] : checkedMultiply($0.dims.dropFirst().first ?? 0, $0.dims.last ?? 0) ?? 0 }
        let bias: [Float]? = try call.vector(3, count: widths.reduce(0) { checkedAdd($0, $1) ?? 0 }, "the bias")
        var first = 0
        let parts = try zip(given, widths).map { tensor, width in
            defer { first += width }
            // Keys and values of 4 dimensions were made before, bias and all.
            guard let bias, tensor.dims.count == 3, width > 0 else { return tensor }
            let values = try tensor.floats("an input"), sum = try call.newElements(tensor.dims, Float.self)
            for index in 0..<sum.count { sum[index] = values[index] + bias[first + index % width] }
            return sum.tensor(.float, tensor.dims)
        }
        let attention = try FilteredAttention(
            call, heads: heads, type: query.elementType, q: parts[0], k: parts[1], v: parts[2], pastK: call.optionalTensor(6), pastV: call.optionalTensor(7))
        let y = try attention.output(
            mask: call.optionalTensor(4), bias: call.optionalTensor(5), filter: call.float("mask_filter_value", -10_000), isCausal: call.bool("unidirectional"),
            scale: call.float("scale", 0))
        let (k, v) = (attention.k, attention.v), type = query.elementType
        return [.tensor(y), call.wants(1) ? .tensor(try k.tensor(type)) : nil, call.wants(2) ? .tensor(try v.tensor(type)) : nil]
    }
}
