internal import Foundation
internal import Tensors
internal import TestSupport

/// How far numbers may be apart: |a − b| ≤ relative · |b| + absolute + ofLargest · the largest |b| of the tensor.
struct Tolerance: Sendable {
    var relative: Double
    var absolute = 0.0
    var ofLargest = 0.0
}

/// What an output must be.
enum ExpectedOutput {
    case value(Value)
    /// Maps, as their sequence is written in JSON; null for an optional without a value.
    case json(Data)

    func difference(from found: Value, _ tolerance: Tolerance) throws -> String? {
        switch self {
        case .value(let wanted): try BackendSuite.difference(found, wanted, tolerance)
        case .json(let data): try BackendSuite.difference(found, JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed), tolerance)
        }
    }
}

private func difference(_ found: Value, _ wanted: Any, _ tolerance: Tolerance) throws -> String? {
    if wanted is NSNull { return found == .optional(nil) ? nil : "\(found.summary), expected nothing" }
    guard let wanted = wanted as? [[String: Double]], case .sequence(let found) = found, found.count == wanted.count else {
        return "\(found.summary), expected maps"
    }
    for (index, (value, map)) in zip(found, wanted).enumerated() {
        guard case .map(let entries) = value, entries.count == map.count else { return "element \(index) is \(value.summary), expected a map of \(map.count)" }
        for entry in entries {
            let key = switch entry.key {
            case .string(let bytes): String(decoding: bytes, as: UTF8.self)
            case .int(let number): String(number)
            }
            guard let number = map[key] else { return "element \(index) has key '\(key)', which is not expected" }
            let a = try Numbers(entry.value)[0]
            guard abs(a - number) <= tolerance.relative * abs(number) + tolerance.absolute + tolerance.ofLargest else {
                return "element \(index) has \(a) for '\(key)', expected \(number)"
            }
        }
    }
    return nil
}

/// How `found` differs from `wanted`: type, dims, strings exactly, numbers within `tolerance`, NaN like NaN. Nil if it does not.
func difference(_ found: Value, _ wanted: Value, _ tolerance: Tolerance) throws -> String? {
    switch (found, wanted) {
    case (.tensor(let a), .tensor(let b)): return try difference(a, b, tolerance)
    case (.sequence(let a), .sequence(let b)):
        guard a.count == b.count else { return "\(a.count) elements, expected \(b.count)" }
        for (index, pair) in zip(a, b).enumerated() {
            if let problem = try difference(pair.0, pair.1, tolerance) { return "element \(index): \(problem)" }
        }
        return nil
    case (.optional(nil), .optional(nil)): return nil
    case (.optional(let a?), .optional(let b?)): return try difference(a, b, tolerance)
    case (.optional(let a?), let b): return try difference(a, b, tolerance)
    case (let a, .optional(let b?)): return try difference(a, b, tolerance)
    case (.map(let a), .map(let b)):
        guard a.map(\.key) == b.map(\.key) else { return "other keys" }
        for (x, y) in zip(a, b) {
            if let problem = try difference(x.value, y.value, tolerance) { return "key \(x.key): \(problem)" }
        }
        return nil
    default: return "\(found.summary), expected \(wanted.summary)"
    }
}

private func difference(_ found: Tensor, _ wanted: Tensor, _ tolerance: Tolerance) throws -> String? {
    guard found.elementType == wanted.elementType, found.dims == wanted.dims else {
        return "\(found.elementType)\(found.dims), expected \(wanted.elementType)\(wanted.dims)"
    }
    if case .strings(let a) = found.encoding, case .strings(let b) = wanted.encoding {
        let (x, y) = (try a.strings(), try b.strings())
        guard let index = x.indices.first(where: { x[$0] != y[$0] }) else { return nil }
        return "string \(index) is '\(printable(utf8: x[index]))', expected '\(printable(utf8: y[index]))'"
    }
    let (a, b) = (try Numbers(found), try Numbers(wanted))
    var tolerance = tolerance
    if tolerance.ofLargest > 0 { tolerance.absolute += tolerance.ofLargest * b.largest }
    // Two of the steps in which these types count.
    if found.elementType == .float16 { tolerance.relative = max(tolerance.relative, 0x1p-9) }
    if found.elementType == .bfloat16 { tolerance.relative = max(tolerance.relative, 0x1p-6) }
    var wrong = 0, first = "", worst = 0.0
    for index in 0..<a.count where !a.isEqual(index, b, tolerance) {
        if wrong == 0 { first = "element \(index) is \(a[index]), expected \(b[index])" }
        wrong += 1
        worst = max(worst, abs(a[index] - b[index]))
    }
    return wrong == 0 ? nil : "\(wrong) of \(a.count) elements differ by up to \(worst): \(first)"
}

/// The elements of a tensor of numbers as Double, and 64-bit integers exactly.
struct Numbers {
    private let values: [Double]
    private let exact: [Int64]?
    var count: Int { values.count }
    /// The largest magnitude of a finite element.
    var largest: Double { values.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 } }

    subscript(index: Int) -> Double { values[index] }

    init(_ tensor: Tensor) throws {
        let bytes = try tensor.plainBytes().array()
        let count = tensor.elementCount ?? 0
        func load<T>(_ type: T.Type, _ width: Int = MemoryLayout<T>.size) -> [T] {
            unsafe bytes.withUnsafeBytes { raw in (0..<count).map { unsafe raw.loadUnaligned(fromByteOffset: $0 * width, as: T.self) } }
        }
        var exact: [Int64]?
        switch tensor.elementType {
        case .float: values = load(Float.self).map(Double.init)
        case .double: values = load(Double.self)
        case .float16: values = load(Float16.self).map(Double.init)
        case .bfloat16: values = load(UInt16.self).map { Double(Float(bitPattern: UInt32($0) << 16)) }
        case .int8: values = load(Int8.self).map(Double.init)
        case .uint8, .bool: values = load(UInt8.self).map(Double.init)
        case .int16: values = load(Int16.self).map(Double.init)
        case .uint16: values = load(UInt16.self).map(Double.init)
        case .int32: values = load(Int32.self).map(Double.init)
        case .uint32: values = load(UInt32.self).map(Double.init)
        case .int64:
            exact = load(Int64.self)
            values = exact!.map(Double.init)
        case .uint64:
            exact = load(Int64.self)
            values = load(UInt64.self).map(Double.init)
        case .complex64: values = load((Float, Float).self).flatMap { [Double($0.0)] } + load((Float, Float).self).map { Double($0.1) }
        case .float8e4m3fn: values = bytes.map { Self.small($0, exponent: 4, mantissa: 3, bias: 7, kind: .fn) }
        case .float8e4m3fnuz: values = bytes.map { Self.small($0, exponent: 4, mantissa: 3, bias: 8, kind: .fnuz) }
        case .float8e5m2: values = bytes.map { Self.small($0, exponent: 5, mantissa: 2, bias: 15, kind: .ieee) }
        case .float8e5m2fnuz: values = bytes.map { Self.small($0, exponent: 5, mantissa: 2, bias: 16, kind: .fnuz) }
        case .float8e8m0: values = bytes.map { $0 == 255 ? .nan : Double(sign: .plus, exponent: Int($0) - 127, significand: 1) }
        case .uint4, .int4, .float4e2m1, .uint2, .int2: values = Self.packed(bytes, tensor.elementType, count)
        default: throw Failure("no numbers of \(tensor.elementType)")
        }
        self.exact = exact
    }

    enum Kind { case ieee, fn, fnuz }

    private static func small(_ byte: UInt8, exponent: Int, mantissa: Int, bias: Int, kind: Kind) -> Double {
        let sign = byte >> UInt8(exponent + mantissa) == 0 ? 1.0 : -1.0
        let e = Int(byte >> UInt8(mantissa)) & ((1 << exponent) - 1), m = Int(byte) & ((1 << mantissa) - 1)
        switch kind {
        case .fnuz: if byte == 0x80 { return .nan }
        case .fn: if e == (1 << exponent) - 1, m == (1 << mantissa) - 1, exponent + mantissa == 7 { return .nan }
        case .ieee: if e == (1 << exponent) - 1 { return m == 0 ? sign * .infinity : .nan }
        }
        let fraction = Double(m) / Double(1 << mantissa)
        return e == 0 ? sign * Double(sign: .plus, exponent: 1 - bias, significand: fraction) : sign * Double(sign: .plus, exponent: e - bias, significand: 1 + fraction)
    }

    private static func packed(_ bytes: [UInt8], _ type: ElementType, _ count: Int) -> [Double] {
        let bits = type.bitWidth!, perByte = 8 / bits
        return (0..<count).map { index in
            let code = (bytes[index / perByte] >> UInt8(index % perByte * bits)) & UInt8((1 << bits) - 1)
            switch type {
            case .uint4, .uint2: return Double(code)
            case .float4e2m1: return small(code, exponent: 2, mantissa: 1, bias: 1, kind: .fn)
            default: return Double(Int(code) >= 1 << (bits - 1) ? Int(code) - (1 << bits) : Int(code))
            }
        }
    }

    func isEqual(_ index: Int, _ other: Numbers, _ tolerance: Tolerance) -> Bool {
        if let exact, let theirs = other.exact, exact[index] == theirs[index] { return true }
        let a = values[index], b = other.values[index]
        if a == b || (a.isNaN && b.isNaN) { return true }
        // As NumPy: an infinity is close to itself only.
        guard a.isFinite, b.isFinite else { return false }
        return abs(a - b) <= tolerance.absolute + tolerance.relative * abs(b)
    }
}
