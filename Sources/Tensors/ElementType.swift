/// The type of a tensor's elements, with ONNX's number (`TensorProto.DataType`, ONNX IR 14).
///
/// A number that this version does not know is kept: `name` is then nil and so is `bitWidth`.
public struct ElementType: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    public static let undefined = ElementType(rawValue: 0)
    public static let float = ElementType(rawValue: 1)
    public static let uint8 = ElementType(rawValue: 2)
    public static let int8 = ElementType(rawValue: 3)
    public static let uint16 = ElementType(rawValue: 4)
    public static let int16 = ElementType(rawValue: 5)
    public static let int32 = ElementType(rawValue: 6)
    public static let int64 = ElementType(rawValue: 7)
    public static let string = ElementType(rawValue: 8)
    public static let bool = ElementType(rawValue: 9)
    public static let float16 = ElementType(rawValue: 10)
    public static let double = ElementType(rawValue: 11)
    public static let uint32 = ElementType(rawValue: 12)
    public static let uint64 = ElementType(rawValue: 13)
    public static let complex64 = ElementType(rawValue: 14)
    public static let complex128 = ElementType(rawValue: 15)
    public static let bfloat16 = ElementType(rawValue: 16)
    public static let float8e4m3fn = ElementType(rawValue: 17)
    public static let float8e4m3fnuz = ElementType(rawValue: 18)
    public static let float8e5m2 = ElementType(rawValue: 19)
    public static let float8e5m2fnuz = ElementType(rawValue: 20)
    public static let uint4 = ElementType(rawValue: 21)
    public static let int4 = ElementType(rawValue: 22)
    public static let float4e2m1 = ElementType(rawValue: 23)
    public static let float8e8m0 = ElementType(rawValue: 24)
    public static let uint2 = ElementType(rawValue: 25)
    public static let int2 = ElementType(rawValue: 26)
    public static let float6e2m3 = ElementType(rawValue: 27)
    public static let float6e3m2 = ElementType(rawValue: 28)

    /// Row `rawValue` says the ONNX name and the bits of one element; 0 bits: no fixed size.
    private static let table: [(name: String, bits: Int)] = [
        ("UNDEFINED", 0), ("FLOAT", 32), ("UINT8", 8), ("INT8", 8), ("UINT16", 16), ("INT16", 16), ("INT32", 32),
        ("INT64", 64), ("STRING", 0), ("BOOL", 8), ("FLOAT16", 16), ("DOUBLE", 64), ("UINT32", 32), ("UINT64", 64),
        ("COMPLEX64", 64), ("COMPLEX128", 128), ("BFLOAT16", 16), ("FLOAT8E4M3FN", 8), ("FLOAT8E4M3FNUZ", 8),
        ("FLOAT8E5M2", 8), ("FLOAT8E5M2FNUZ", 8), ("UINT4", 4), ("INT4", 4), ("FLOAT4E2M1", 4), ("FLOAT8E8M0", 8),
        ("UINT2", 2), ("INT2", 2), ("FLOAT6E2M3", 6), ("FLOAT6E3M2", 6),
    ]

    private var row: (name: String, bits: Int)? {
        rawValue >= 0 && Int(rawValue) < Self.table.count ? Self.table[Int(rawValue)] : nil
    }

    /// All types of this version that a tensor can have.
    public static var allKnown: [ElementType] { (1..<Int32(table.count)).map(ElementType.init(rawValue:)) }

    /// As ONNX spells it, or nil for a number that this version does not know.
    public var name: String? { row?.name }
    public var isKnown: Bool { row != nil }
    /// Bits of one element, nil for STRING, UNDEFINED and unknown numbers.
    public var bitWidth: Int? { row.flatMap { $0.bits == 0 ? nil : $0.bits } }
    /// The byte width of the unit that filters and byte orders work on: 1 for everything of up to 8 bits, 4 and 8 for the
    /// halves of complex numbers.
    public var storageWidth: Int {
        switch self {
        case .complex64: 4
        case .complex128: 8
        default: Swift.max(1, (bitWidth ?? 8) / 8)
        }
    }

    /// Bytes of `count` elements, packed as ONNX packs them (fewer than 8 bits: low bits first); nil without a fixed size or on overflow.
    public func byteCount(elements count: Int) -> Int? {
        guard let bits = bitWidth, let total = checkedMultiply(count, bits), count >= 0 else { return nil }
        return ceilDivide(total, 8)
    }

    public var isFloat: Bool {
        switch self {
        case .float, .float16, .bfloat16, .double, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float4e2m1,
            .float8e8m0, .float6e2m3, .float6e3m2: true
        default: false
        }
    }
}

extension ElementType: CustomStringConvertible {
    public var description: String { name ?? "data type \(rawValue)" }
}
