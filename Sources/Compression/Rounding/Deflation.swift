internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

extension Double {
    var logarithm10: Double { log10(self) }
    var powerOfTen: Double { pow(10, self) }
}

extension Tensor {
    /// Bytes after deflate as the file format's writer does it, of at most `most` chunks that lie evenly; the rest is taken to be like them.
    func deflatedByteCount(chunks most: Int = 8) throws -> (count: Int, isExact: Bool) {
        switch encoding {
        case .plain(let bytes):
            return try Self.deflated(bytes, width: elementType.storageWidth, most)
        case .affine(let affine):
            let codes = try Self.deflated(affine.codes, width: [3, 5, 6, 7].contains(affine.bits) ? affine.bits : affine.bits == 16 ? 2 : 1, most)
            let scale = try affine.scale.deflatedByteCount()
            let zero: (count: Int, isExact: Bool) = try affine.zeroPoint?.deflatedByteCount() ?? (0, true)
            return (codes.count + scale.count + zero.count, codes.isExact && scale.isExact && zero.isExact)
        case .palette(let palette):
            let indices = try Self.deflated(palette.indices, width: 1, most), table = try palette.table.deflatedByteCount()
            return (indices.count + table.count, indices.isExact && table.isExact)
        default: return (0, true)
        }
    }

    private static func deflated(_ bytes: TensorBytes, width: Int, _ most: Int) throws -> (count: Int, isExact: Bool) {
        let filter = ([3, 5, 6, 7].contains(width) ? Filter(.unpackBits, width: width) : Filter(width > 1 ? .byteShuffle : .none, width: width))
        guard let filter else { return (bytes.count, true) }
        let length = (1 << 18) - (1 << 18) % width, all = ceilDivide(bytes.count, length)
        guard all > 0 else { return (0, true) }
        let encoder = try ChunkEncoder(chunkLength: length)
        var raw = 0, stored = 0
        let step = max(1, ceilDivide(all, most))
        for chunk in stride(from: 0, to: all, by: step) {
            let range = chunk * length..<min(bytes.count, (chunk + 1) * length)
            try unsafe bytes.slice(range).withUnsafeBytes { piece in
                stored += unsafe encoder.encode(piece, filter: filter, effort: .quick(matches: false))?.count ?? piece.count
                raw += piece.count
            }
        }
        return (step == 1 ? stored : Int(Double(stored) / Double(raw) * Double(bytes.count)), step == 1)
    }
}
