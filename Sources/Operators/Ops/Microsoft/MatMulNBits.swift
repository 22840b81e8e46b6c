internal import ModelGraph
package import Tensors

/// ONNX Runtime's `com.microsoft.MatMulNBits`: the right matrix, [N, K], has codes of 2, 4 or 8 bits with a scale per block of a row.
package enum MatMulNBits: Inferring, Runnable {
    package static let name: Name = "MatMulNBits"
    package static let domain: Name = "com.microsoft"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let a = try call.tensor(0), columns = try call.required("N", call.int("N")), depth = try call.required("K", call.int("K"))
        guard let dims = a.dims else { return [Fact(a.elementType)] }
        guard let last = dims.last, !last.isDifferent(from: .value(depth)) else { throw ModelError(.invalidGraph, "cannot multiply \(dims.text) with [\(depth), \(columns)]") }
        return [Fact(a.elementType, dims.dropLast() + [.value(columns)])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let a = try call.tensor(0), weights = try BlockWeights(call)
        guard let depth = a.dims.last, depth == weights.k else { throw ModelError(.invalidGraph, "cannot multiply \(a.dims) with [\(weights.k), \(weights.n)]") }
        let dims = a.dims.dropLast() + [weights.n], rows = a.dims.dropLast().reduce(1, *), (n, k) = (weights.n, weights.k)
        let bias: [Float] = try call.vector(5, count: n, "the bias") ?? []
        let y = try call.newElements(Array(dims), Float.self)
        // Columns that are decoded at once.
        let block = max(1, min(128, (1 << 18) / max(1, k)))
        unsafe try a.floats("the left matrix").withPointer { a in
            unsafe try y.withPointer { y in
                nonisolated(unsafe) let a = unsafe a, y = unsafe y
                try concurrently(ceilDivide(n, block), threads: call.environment.threads) { part in
                    let first = part * block, count = min(block, n - first)
                    unsafe try Scratch.with(Float.self, count * k) { matrix in
                        for column in 0..<count { unsafe weights.decode(first + column, into: matrix + column * k) }
                        unsafe try Float.multiply(
                            Product(m: rows, n: count, k: k, a: a, aRow: k, b: UnsafePointer(matrix), bRow: 1, bColumn: k, c: y + first, cRow: n), threads: 1)
                    }
                    guard !bias.isEmpty else { return }
                    for row in 0..<rows { for j in first..<first + count { unsafe y[row * n + j] += bias[j] } }
                }
            }
        }
        return [.tensor(try Tensor.rounding(y, to: a.elementType, Array(dims)))]
    }

    private struct BlockWeights: Sendable {
        let n: Int
        let k: Int
        private let bits: Int
        private let block: Int
        private let blocks: Int
        private let codes: Elements<UInt8>
        private let scales: Elements<Float>
        private let zeros: [Float]

        init(_ call: Call) throws {
            (n, k) = (try call.required("N", call.int("N")), try call.required("K", call.int("K")))
            (bits, block) = (try call.int("bits", 4), try call.required("block_size", call.int("block_size")))
            guard [2, 4, 8].contains(bits), n >= 1, k >= 1, n <= 1 << 31, k <= 1 << 31, block >= 8, block <= 1 << 20, block & (block - 1) == 0 else {
                throw ModelError(.unsupported, "\(n)×\(k) codes of \(bits) bits in blocks of \(block); 2, 4 or 8 bits and blocks of a power of two from 8 on are supported")
            }
            blocks = ceilDivide(k, block)
            guard !call.hasInput(4) else { throw ModelError(.unsupported, "'g_idx' reorders the groups, which is not supported") }
            codes = try call.tensor(1).elements(as: UInt8.self)
            scales = try call.tensor(2).floats("the scales")
            // n·blocks is at most 2^59.
            guard codes.count == checkedMultiply(n * blocks, block * bits / 8), scales.count == n * blocks else {
                throw ModelError(.invalidGraph, "\(codes.count) bytes of codes and \(scales.count) scales for \(n) rows of \(blocks) blocks")
            }
            zeros = try Self.zeros(call, n, blocks, bits)
        }

        private static func zeros(_ call: Call, _ n: Int, _ blocks: Int, _ bits: Int) throws -> [Float] {
            guard let tensor = try call.optionalTensor(3) else { return [] }
            if tensor.elementType != .uint8 {
                let values = try tensor.floats("the zero points")
                guard values.count == n * blocks else { throw ModelError(.invalidGraph, "\(values.count) zero points for \(n) rows of \(blocks) blocks") }
                return Array(values)
            }
            let bytes = try tensor.elements(as: UInt8.self), row = ceilDivide(blocks * bits, 8)
            guard bytes.count == n * row else { throw ModelError(.invalidGraph, "\(bytes.count) bytes of zero points for \(n) rows of \(blocks) blocks") }
            return (0..<n * blocks).map { index in
                let bit = index % blocks * bits
                return Float(bytes[index / blocks * row + bit / 8] >> UInt8(bit % 8) & UInt8((1 << bits) - 1))
            }
        }

        /// Row `row` of the matrix, K numbers.
        func decode(_ row: Int, into target: UnsafeMutablePointer<Float>) {
            let perByte = 8 / bits, mask = UInt8((1 << bits) - 1), size = block / perByte
            unsafe codes.withPointer { codes in
                for part in 0..<blocks {
                    let index = row * blocks + part, scale = scales[index], zero = zeros.isEmpty ? Float(1 << (bits - 1)) : zeros[index]
                    let source = unsafe codes + index * size, start = part * block
                    for i in 0..<min(block, k - start) {
                        let code = unsafe source[i / perByte] >> UInt8(i % perByte * bits) & mask
                        unsafe target[start + i] = (Float(code) - zero) * scale
                    }
                }
            }
        }
    }
}
