#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
internal import Tensors

/// A number as C's %.8g writes it, which is what ONNX Runtime's casts to STRING give for every type; `NaN`, `INF`, `-INF`.
func printed(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-INF" : "INF" }
    // 8 digits, a sign, a point and an exponent take 15.
    var buffer = [CChar](repeating: 0, count: 40)
    let length = unsafe withVaList([value]) { unsafe vsnprintf(&buffer, buffer.count, "%.8g", $0) }
    return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Casts of STRING tensors: plain and scientific numbers, infinities and NaN in any case; spaces around them do not count.
struct TextParser {
    let target: Casting

    func cast(_ tensor: Tensor) throws -> Tensor {
        let strings = try tensor.stringElements()
        switch target.target {
        case .double: return try target.write(parsed(strings) { Double($0) }, tensor.dims)
        case .uint64: return try target.write(parsed(strings) { UInt64($0) ?? integer($0).map { UInt64(truncatingIfNeeded: $0) } }, tensor.dims)
        case .int64, .int32, .int16, .int8, .uint32, .uint16, .uint8, .uint4, .int4, .uint2, .int2:
            return try target.write(parsed(strings) { integer($0) }, tensor.dims)
        case .float: return try target.write(parsed(strings) { Float($0) }, tensor.dims)
        default: return try target.write(parsed(strings) { Double($0) }, tensor.dims)
        }
    }

    private func integer(_ text: String) -> Int64? {
        Int64(text) ?? Double(text).map { Int64(nearest: $0) }
    }

    private func parsed<T: Element>(_ strings: [[UInt8]], _ parse: (String) -> T?) throws -> Elements<T> {
        let result = try NewElements<T>(strings.count)
        for (index, string) in strings.enumerated() {
            guard let value = parse(trimmed(string)) else {
                throw ModelError(.invalidGraph, "element \(index) is '\(printable(utf8: string))', a number is needed to cast it to \(target.target)")
            }
            result[index] = value
        }
        return try result.finished
    }

    private func trimmed(_ string: [UInt8]) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        let rest = string.drop(while: isSpace)
        let end = rest.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? rest.startIndex
        return String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
    }
}
