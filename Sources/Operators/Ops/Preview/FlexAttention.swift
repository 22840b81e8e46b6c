#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
internal import ModelGraph
package import Tensors

package enum FlexAttention: Inferring, Runnable {
    package static let name: Name = "FlexAttention"
    package static let domain: Name = "ai.onnx.preview"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let (q, v) = (try call.tensor(0), try call.dims(2))
        if let rank = q.rank, rank != 4 { throw ModelError(.invalidGraph, "Q is \(q), 4 dimensions are needed") }
        return [Fact(q.elementType, (q.dims.map { Array($0[..<3]) } ?? [.unknown, .unknown, .unknown]) + [v?[safe: 3] ?? .unknown])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let (q, k, v) = try (call.tensor(0), call.tensor(1), call.tensor(2))
        let shape = try Dims(q, k, v)
        let precision = try softmaxPrecision(call, q.elementType)
        if q.elementType == .double || precision == .double { return [.tensor(try attend(call, q, k, v, shape, precision, Double.self))] }
        return [.tensor(try attend(call, q, k, v, shape, precision, Float.self))]
    }

    /// Q [batch, heads, length, size], K [batch, keyHeads, keys, size], V [batch, keyHeads, keys, valueSize].
    private struct Dims {
        let batch, heads, length, size, keyHeads, keys, valueSize: Int

        init(_ q: Tensor, _ k: Tensor, _ v: Tensor) throws {
            guard q.dims.count == 4, k.dims.count == 4, v.dims.count == 4, k.dims[0] == q.dims[0], v.dims[0] == q.dims[0], k.dims[3] == q.dims[3],
                v.dims[1] == k.dims[1], v.dims[2] == k.dims[2], k.dims[1] > 0, q.dims[1] % k.dims[1] == 0
            else {
                throw ModelError(.invalidGraph, "cannot combine Q \(q.dims), K \(k.dims) and V \(v.dims); [batch, heads, length, size] of each is needed")
            }
            guard q.elementType == k.elementType, q.elementType == v.elementType, [.float, .double, .float16, .bfloat16].contains(q.elementType) else {
                throw ModelError(.invalidGraph, "Q is \(q.elementType), K \(k.elementType), V \(v.elementType); one float type is needed")
            }
            (batch, heads, length, size) = (q.dims[0], q.dims[1], q.dims[2], q.dims[3])
            (keyHeads, keys, valueSize) = (k.dims[1], k.dims[2], v.dims[3])
        }

        var scores: [Int] { [batch, heads, length, keys] }
    }

    private static func softmaxPrecision(_ call: Call, _ input: ElementType) throws -> ElementType {
        guard let number = try call.int("softmax_precision") else { return input == .double ? .double : .float }
        guard let number = Int32(exactly: number), [.float, .double, .float16, .bfloat16].contains(ElementType(rawValue: number)) else {
            throw ModelError(.invalidGraph, "'softmax_precision' is \(number), a float type is needed")
        }
        return ElementType(rawValue: number)
    }

    private static func attend<T: Element & BinaryFloatingPoint>(
        _ call: Call, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ dims: Dims, _ precision: ElementType, _: T.Type
    ) throws -> Tensor {
        let scale = try call.float("scale") ?? 1 / Float(dims.size).squareRoot()
        let scores = try NewElements<T>(call.room(for: dims.scores, of: .double))
        try multiply(q.numbers("Q"), k.numbers("K"), dims, T(scale.squareRoot()), into: scores)
        let changed: Elements<T> = try modify("score_mod", scores, dims.scores, precision, call)
        let probabilities = try NewElements<T>(changed.count)
        softmax(changed, dims.keys, into: probabilities)
        let weights: Elements<T> = try modify("prob_mod", probabilities, dims.scores, precision, call)
        let outputDims = [dims.batch, dims.heads, dims.length, dims.valueSize]
        let output = try NewElements<T>(call.room(for: outputDims, of: .double), filledWith: 0)
        try mix(weights, v.numbers("V"), dims, into: output)
        return try tensor(output, q.elementType, outputDims)
    }

    private static func tensor<T>(_ values: NewElements<T>, _ type: ElementType, _ dims: [Int]) throws -> Tensor {
        if let floats = values as? NewElements<Float> { return try .rounding(floats, to: type, dims) }
        if type == .double { return values.tensor(.double, dims) }
        guard let doubles = values as? NewElements<Double> else { throw ModelError(.internalFault, "\(T.self) are no floats") }
        let floats = try NewElements<Float>(doubles.count)
        for index in 0..<floats.count { floats[index] = Float(doubles[index]) }
        return try .rounding(floats, to: type, dims)
    }

    /// What the subgraph `name` makes of the values; without it they are only rounded.
    private static func modify<T: Element & BinaryFloatingPoint>(
        _ name: Name, _ values: NewElements<T>, _ dims: [Int], _ precision: ElementType, _ call: Call
    ) throws -> Elements<T> {
        let rounded = try tensor(values, precision, dims)
        guard call.node.attribute(name) != nil else { return try rounded.numbers("\(name)") }
        let results = try call.environment.run(name, inputs: [.tensor(rounded)])
        guard results.count == 1, let result = results[0].tensor, result.dims == dims, result.elementType == precision else {
            throw ModelError(.invalidGraph, "'\(name)' makes \(results.map(\.summary)); one \(precision)\(dims) is needed")
        }
        return try result.numbers("\(name)")
    }

    /// (Q · √scale) · (K · √scale)ᵀ
    private static func multiply<T: Element & BinaryFloatingPoint>(
        _ q: Elements<T>, _ k: Elements<T>, _ dims: Dims, _ root: T, into scores: NewElements<T>
    ) throws {
        let repeats = dims.heads / dims.keyHeads
        unsafe q.withUnsafeBuffer { q in
            unsafe k.withUnsafeBuffer { k in
                unsafe scores.withUnsafeBuffer { scores in
                    guard !scores.isEmpty else { return }
                    for head in 0..<dims.batch * dims.heads {
                        let keyHead = head / dims.heads * dims.keyHeads + head % dims.heads / repeats
                        for row in 0..<dims.length {
                            let from = (head * dims.length + row) * dims.size
                            for key in 0..<dims.keys {
                                let to = (keyHead * dims.keys + key) * dims.size
                                var sum: T = 0
                                for index in 0..<dims.size { unsafe sum += (q[from &+ index] * root) * (k[to &+ index] * root) }
                                unsafe scores[(head * dims.length + row) * dims.keys + key] = sum
                            }
                        }
                    }
                }
            }
        }
    }

    private static func softmax<T: Element & BinaryFloatingPoint>(_ values: Elements<T>, _ width: Int, into result: NewElements<T>) {
        guard width > 0 else { return }
        for start in stride(from: 0, to: values.count, by: width) {
            var greatest = -T.infinity, sum: T = 0
            for index in start..<start + width { greatest = max(greatest, values[index]) }
            for index in start..<start + width {
                result[index] = T(exp(Double(values[index] - greatest)))
                sum += result[index]
            }
            for index in start..<start + width { result[index] /= sum }
        }
    }

    private static func mix<T: Element & BinaryFloatingPoint>(_ weights: Elements<T>, _ v: Elements<T>, _ dims: Dims, into output: NewElements<T>) throws {
        let repeats = dims.heads / dims.keyHeads
        unsafe weights.withUnsafeBuffer { weights in
            unsafe v.withUnsafeBuffer { v in
                unsafe output.withUnsafeBuffer { output in
                    guard !output.isEmpty else { return }
                    for head in 0..<dims.batch * dims.heads {
                        let keyHead = head / dims.heads * dims.keyHeads + head % dims.heads / repeats
                        for row in 0..<dims.length {
                            let to = (head * dims.length + row) * dims.valueSize
                            for key in 0..<dims.keys {
                                let weight = unsafe weights[(head * dims.length + row) * dims.keys + key]
                                let from = (keyHead * dims.keys + key) * dims.valueSize
                                for index in 0..<dims.valueSize { unsafe output[to &+ index] += weight * v[from &+ index] }
                            }
                        }
                    }
                }
            }
        }
    }
}
