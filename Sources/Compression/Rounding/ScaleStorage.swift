import Tensors

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// How the scales of one tensor are stored; a scale is rounded to what can be stored before anything is rounded with it.
enum ScaleStorage: Sendable {
    case float
    case half
    /// Indices of 8 bits into a table of values, each 1/16 octave below the one before; where there are 128, they are followed by the same with the
    /// other sign. Of groups of 32, that is 0.16 instead of 0.5 bits a weight after deflate.
    case table([Float])

    /// For scales of at most `largest`, of so many cells.
    init(largest: Float, cells: Int, isSigned: Bool = false) {
        if cells >= Self.leastForTable, largest.isNormal {
            self = .table((0..<(isSigned ? 128 : 256)).map { largest * exp2f(-Float($0) / 16) })
        } else {
            // What binary16 holds with all its digits, with room for scales that are smaller than the largest.
            self = largest < 6e4 && largest > 0x1p-9 * 0x1p-4 ? .half : .float
        }
    }

    static let leastForTable = 4096

    /// The nearest scale that can be stored and is not smaller; of 0: 1, as nothing is lost whatever it is.
    func fit(_ scale: Float) -> Float {
        guard scale > 0 else { return fit(1e-30) }
        switch self {
        case .float: return max(scale, .leastNormalMagnitude)
        case .half:
            let quantum: Float = 0x1p-24
            if scale < 0x1p-14 { return max(quantum, (scale / quantum).rounded(.up) * quantum) }
            let bits = scale.bitPattern
            return Float(bitPattern: bits & 0x1fff == 0 ? bits : (bits | 0x1fff) + 1)
        case .table(let values): return values[index(scale, values)]
        }
    }

    private func index(_ scale: Float, _ values: [Float]) -> Int {
        // One too far, as the logarithm of a value of the table may be rounded either way.
        var index = max(0, min(values.count - 1, Int((16 * log2f(values[0] / scale)).rounded(.down)) + 1))
        while index > 0, values[index] < scale { index -= 1 }
        return index
    }

    /// Scales that `fit` made, some perhaps with the other sign, as the component of an `Affine`.
    func tensor(_ scales: [Float], dims: [Int]) throws -> Tensor {
        switch self {
        case .float: return try plain(scales, .float, dims)
        case .half: return try plain(scales, .float16, dims)
        case .table(let values):
            let codes = scales.map { Int32(index(abs($0), values) + ($0 < 0 ? values.count : 0)) }
            let all = values.count == 256 ? values : values + values.map { -$0 }
            let table = try plain(all, .float, dims.map { _ in 1 } + [256, 1])
            return Tensor(
                .float, dims: dims,
                encoding: .palette(Palette(bits: 8, block: dims.map { _ in 0 }, vector: 1, indices: Palette.encode(codes, bits: 8), table: table)))
        }
    }

    private func plain(_ values: [Float], _ type: ElementType, _ dims: [Int]) throws -> Tensor {
        let memory = try OwnedMemory(byteCount: values.count * type.storageWidth)
        unsafe values.withUnsafeBufferPointer { unsafe FloatConversion.fromFloat($0, type, into: memory.bytes) }
        return Tensor(type, dims: dims, bytes: TensorBytes(memory))
    }
}
