import Tensors

/// Finds matrices whose transpose was stored before, as tied embeddings are exported. Candidates share what a transposition
/// leaves in place: the main diagonal and sums over mirrored places.
final class TransposeIndex {
    private struct Key: Hashable {
        let type: ElementType
        let small: Int
        let large: Int
        let hash: UInt64
    }

    private struct Matrix {
        let payload: Int
        let dims: [Int]
        let bytes: TensorBytes
    }

    private var matrices: [Key: [Matrix]] = [:]
    private static let smallest = 4096
    /// Matrices that agree in so many places and are still different are made on purpose.
    private static let mostCompared = 4

    /// The payload whose transpose `bytes` is; nil if there is none. `tensor` is plain.
    func find(_ tensor: Tensor, _ bytes: TensorBytes) throws -> Int? {
        guard let key = try Self.key(tensor, bytes) else { return nil }
        for matrix in matrices[key] ?? [] where matrix.dims == [tensor.dims[1], tensor.dims[0]] {
            if try Self.isTranspose(matrix, tensor, bytes) { return matrix.payload }
        }
        return nil
    }

    func add(_ tensor: Tensor, _ bytes: TensorBytes, payload: Int) throws {
        guard let key = try Self.key(tensor, bytes), matrices[key, default: []].count < Self.mostCompared else { return }
        matrices[key, default: []].append(Matrix(payload: payload, dims: tensor.dims, bytes: bytes))
    }

    private static func isTranspose(_ matrix: Matrix, _ tensor: Tensor, _ bytes: TensorBytes) throws -> Bool {
        let stored = Tensor(tensor.elementType, dims: matrix.dims, bytes: matrix.bytes)
        let mirrored = Tensor(tensor.elementType, dims: tensor.dims, encoding: .transposed(Transposed(of: stored)))
        defer {
            matrix.bytes.release(0..<matrix.bytes.count)
            bytes.release(0..<bytes.count)
        }
        return try mirrored.plainBytes() == bytes
    }

    private static func key(_ tensor: Tensor, _ bytes: TensorBytes) throws -> Key? {
        guard tensor.dims.count == 2, tensor.dims[0] > 1, tensor.dims[1] > 1, bytes.count >= smallest,
            let bits = tensor.elementType.bitWidth, bits >= 8
        else { return nil }
        let side = min(tensor.dims[0], tensor.dims[1]), columns = tensor.dims[1], width = bits / 8
        var bytesOfElement = [UInt8](repeating: 0, count: width)
        func element(_ row: Int, _ column: Int) throws -> UInt64 {
            let at = (row * columns + column) * width
            try unsafe bytesOfElement.withUnsafeMutableBytes { try unsafe bytes.read(at..<at + width, into: $0) }
            // FNV-1a.
            return bytesOfElement.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        }
        var hash: UInt64 = 0
        for sample in 0..<32 {
            let i = sample * (side - 1) / 31, j = (sample * 7 + 3) % 32 * (side - 1) / 31
            // Equal for (i, j) and (j, i).
            hash = (hash ^ (try element(i, i)) ^ (try element(i, j) &+ element(j, i))) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
        }
        return Key(type: tensor.elementType, small: side, large: max(tensor.dims[0], columns), hash: hash)
    }
}
