internal import CKernels

/// A stream of b-bit codes, LSB first: code i occupies bits i * b to i * b + b - 1, bit k being bit k % 8 of byte k / 8; unused
/// bits of the last byte are zero (file format, section 4.1). For 2, 4 and 8 bits that is ONNX's own packing.
public enum CodeStream {
    /// Bytes of `count` codes of `bits` bits, nil on overflow.
    public static func byteCount(_ count: Int, bits: Int) -> Int? {
        guard count >= 0, let total = checkedMultiply(count, bits) else { return nil }
        return ceilDivide(total, 8)
    }

    /// Packs the low `bits` (1...16) bits of each code.
    public static func pack(_ codes: [Int32], bits: Int) -> [UInt8] {
        precondition((1...16).contains(bits), "codes have 1 to 16 bits")
        var bytes = [UInt8](repeating: 0, count: ceilDivide(codes.count * bits, 8))
        unsafe thimble_pack_codes(codes, codes.count, UInt32(bits), &bytes)
        return bytes
    }

    /// Codes `range` of a stream that holds them; two's complement if `isSigned`.
    public static func unpack(_ stream: TensorBytes, bits: Int, isSigned: Bool, range: Range<Int>) throws -> [Int32] {
        var codes = [Int32](repeating: 0, count: range.count)
        try unsafe codes.withUnsafeMutableBufferPointer { try unsafe unpack(stream, bits: bits, isSigned: isSigned, from: range.lowerBound, into: $0) }
        return codes
    }

    /// Fills `target` with the codes from `first` on.
    package static func unpack(
        _ stream: TensorBytes, bits: Int, isSigned: Bool, from first: Int, into target: UnsafeMutableBufferPointer<Int32>
    ) throws {
        precondition((1...16).contains(bits), "codes have 1 to 16 bits")
        guard !target.isEmpty else { return }
        guard first >= 0, let end = checkedAdd(first, target.count).flatMap({ byteCount($0, bits: bits) }), end <= stream.count else {
            throw ModelError(.damagedFile, "the stream of \(bits)-bit codes ends at byte \(stream.count), before code \(first) + \(target.count)")
        }
        // Bit positions count from the first byte that is needed.
        let start = first / 8 * bits
        try unsafe stream.slice(start..<end).withUnsafeBytes { bytes in
            unsafe thimble_unpack_codes(
                bytes.baseAddress, bytes.count, UInt64(first % 8), UInt32(bits), isSigned, target.baseAddress, target.count)
        }
    }

    /// Throws if the stream is not exactly as long as `count` codes are.
    package static func check(_ stream: TensorBytes, count: Int, bits: Int, what: String) throws {
        guard let size = byteCount(count, bits: bits) else { throw ModelError(.damagedFile, "\(count) \(what) of \(bits) bits leave 64 bits") }
        guard stream.count == size else {
            throw ModelError(.damagedFile, "\(count) \(what) of \(bits) bits take \(size) bytes, the data has \(stream.count)")
        }
    }
}
