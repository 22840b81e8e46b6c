internal import Tensors

/// Which field of `TensorProto` holds which type of element, and how (ONNX, comments of the `_data` fields).
extension TensorOrigin.Field {
    var fieldName: String {
        switch self {
        case .none: "no field"
        case .raw: "raw_data"
        case .floats: "float_data"
        case .int32s: "int32_data"
        case .strings: "string_data"
        case .int64s: "int64_data"
        case .doubles: "double_data"
        case .uint64s: "uint64_data"
        case .external: "external_data"
        }
    }
}

extension ElementType {
    /// The field beside `raw_data` that may hold this type; nil for unknown types.
    var valueField: TensorOrigin.Field? {
        switch self {
        case .undefined: nil
        case .float, .complex64: .floats
        case .double, .complex128: .doubles
        case .int64: .int64s
        case .uint32, .uint64: .uint64s
        case .string: .strings
        default: isKnown ? .int32s : nil
        }
    }

    /// Entries of that field for `count` elements.
    func entryCount(elements count: Int) -> Int {
        switch bitWidth {
        case 2, 4: byteCount(elements: count) ?? count
        case _ where self == .complex64 || self == .complex128: 2 * count
        default: count
        }
    }

    /// What an entry of `int32_data` may be.
    var int32Range: ClosedRange<Int32> {
        switch self {
        case .int32: .min ... .max
        case .int16: -0x8000...0x7fff
        case .int8: -0x80...0x7f
        default: bitWidth == 16 ? 0...0xffff : bitWidth == 6 ? 0...0x3f : 0...0xff
        }
    }
}

/// Elements of 6 bits: four in three bytes, from the lowest bit on.
enum SixBits {
    static func pack(_ values: some Sequence<Int32>) -> [UInt8] {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0, filled = 0
        for value in values {
            bits |= UInt32(truncatingIfNeeded: value & 0x3f) << UInt32(filled)
            filled += 6
            if filled >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: bits))
                bits >>= 8
                filled -= 8
            }
        }
        if filled > 0 { bytes.append(UInt8(truncatingIfNeeded: bits)) }
        return bytes
    }

    /// The first `count` elements; `bytes` has them.
    static func unpack(_ bytes: [UInt8], count: Int) -> [Int32] {
        (0..<count).map { index in
            let bit = 6 * index
            let pair = UInt32(bytes[bit / 8]) | (bit / 8 + 1 < bytes.count ? UInt32(bytes[bit / 8 + 1]) << 8 : 0)
            return Int32(pair >> UInt32(bit % 8) & 0x3f)
        }
    }
}

extension [UInt8] {
    mutating func appendLittleEndian<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
    }
}
