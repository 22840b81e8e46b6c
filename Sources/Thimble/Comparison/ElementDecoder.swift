internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// log10, of the C library.
func decimalLogarithm(_ value: Double) -> Double { log10(value) }

extension ElementType {
    /// True if `decode` knows the type.
    var isNumber: Bool {
        switch self {
        case .undefined, .string, .complex64, .complex128: false
        default: isKnown
        }
    }

    /// Elements per step that fill whole bytes.
    var elementsPerByte: Int { Swift.max(1, 8 / (bitWidth ?? 8)) }

    /// `count` elements at the start of `bytes`, as numbers. 64-bit integers beyond 2^53 are rounded.
    func decode(_ bytes: [UInt8], count: Int) -> [Double] {
        switch self {
        case .float: Self.load(bytes, UInt32.self, count) { Double(Float(bitPattern: $0)) }
        case .double: Self.load(bytes, UInt64.self, count) { Double(bitPattern: $0) }
        case .float16: Self.load(bytes, UInt16.self, count) { smallFloat(UInt32($0), exponentBits: 5, mantissaBits: 10) }
        case .bfloat16: Self.load(bytes, UInt16.self, count) { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .uint8, .bool: Self.load(bytes, UInt8.self, count) { Double($0) }
        case .int8: Self.load(bytes, UInt8.self, count) { Double(Int8(bitPattern: $0)) }
        case .uint16: Self.load(bytes, UInt16.self, count) { Double($0) }
        case .int16: Self.load(bytes, UInt16.self, count) { Double(Int16(bitPattern: $0)) }
        case .uint32: Self.load(bytes, UInt32.self, count) { Double($0) }
        case .int32: Self.load(bytes, UInt32.self, count) { Double(Int32(bitPattern: $0)) }
        case .uint64: Self.load(bytes, UInt64.self, count) { Double($0) }
        case .int64: Self.load(bytes, UInt64.self, count) { Double(Int64(bitPattern: $0)) }
        case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0:
            Self.load(bytes, UInt8.self, count) { float8($0) }
        case .uint4, .int4, .float4e2m1, .uint2, .int2: packed(bytes, count)
        default: []
        }
    }

    private static func load<T: FixedWidthInteger>(_ bytes: [UInt8], _ type: T.Type, _ count: Int, _ value: (T) -> Double) -> [Double] {
        let size = MemoryLayout<T>.size
        precondition(bytes.count >= count * size, "too few bytes for the elements")
        return unsafe bytes.withUnsafeBytes { raw in
            (0..<count).map { index in value(T(littleEndian: unsafe raw.loadUnaligned(fromByteOffset: index * size, as: T.self))) }
        }
    }

    private func packed(_ bytes: [UInt8], _ count: Int) -> [Double] {
        let bits = bitWidth ?? 8, perByte = 8 / bits
        return (0..<count).map { index in
            let code = bytes[index / perByte] >> UInt8(index % perByte * bits) & UInt8(1 << bits - 1)
            switch self {
            case .int4, .int2: return Double(Int8(bitPattern: code << UInt8(8 - bits)) >> Int8(8 - bits))
            case .float4e2m1: return [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6][Int(code)]
            default: return Double(code)
            }
        }
    }

    /// The 8-bit types of ONNX ("Float stored in 8 bits"): FN has no infinities, UZ no negative zero and a bias of one more.
    private func float8(_ code: UInt8) -> Double {
        switch self {
        case .float8e8m0: return code == 255 ? .nan : exp2(Double(code) - 127)
        case .float8e4m3fn: return code & 0x7f == 0x7f ? .nan : smallFloat(UInt32(code), exponentBits: 4, mantissaBits: 3, hasSpecials: false)
        case .float8e4m3fnuz:
            return code == 0x80 ? .nan : smallFloat(UInt32(code), exponentBits: 4, mantissaBits: 3, bias: 8, hasSpecials: false)
        case .float8e5m2fnuz:
            return code == 0x80 ? .nan : smallFloat(UInt32(code), exponentBits: 5, mantissaBits: 2, bias: 16, hasSpecials: false)
        default: return smallFloat(UInt32(code), exponentBits: 5, mantissaBits: 2)
        }
    }
}

/// A number of sign, exponent and mantissa as IEEE 754 lays them out; `hasSpecials`: the highest exponent is infinity and NaN.
private func smallFloat(_ code: UInt32, exponentBits: Int, mantissaBits: Int, bias: Int? = nil, hasSpecials: Bool = true) -> Double {
    let bias = bias ?? 1 << (exponentBits - 1) - 1
    let mantissa = Double(code & (1 << UInt32(mantissaBits) - 1)), steps = Double(1 << mantissaBits)
    let exponent = Int(code >> UInt32(mantissaBits)) & (1 << exponentBits - 1)
    let sign = code >> UInt32(mantissaBits + exponentBits) & 1 == 1 ? -1.0 : 1.0
    if hasSpecials, exponent == 1 << exponentBits - 1 { return mantissa == 0 ? sign * .infinity : .nan }
    if exponent == 0 { return sign * mantissa / steps * exp2(Double(1 - bias)) }
    return sign * (1 + mantissa / steps) * exp2(Double(exponent - bias))
}
