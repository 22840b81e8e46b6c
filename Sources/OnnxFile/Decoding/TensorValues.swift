internal import COnnx
internal import ModelGraph
internal import Tensors

/// The value fields of one `TensorProto`, and what they hold as a payload. Lives as long as the decoded message.
@safe
struct TensorValues {
    private let m: Onnx__TensorProto
    private let scan: ScannedMessage
    private let decoder: Decoder
    private var file: MappedFile { decoder.file }

    /// True if a field besides `raw_data` may have values.
    static func hasFields(_ scan: ScannedMessage) -> Bool {
        scan.seen & (1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 11) != 0
    }

    init(_ m: Onnx__TensorProto, _ scan: ScannedMessage, _ decoder: Decoder) {
        unsafe self.m = m
        self.scan = scan
        self.decoder = decoder
    }

    /// The run of `float_data` (4) or `double_data` (10) that stays in the file, if there is one with values.
    private func packed(_ number: Int) -> Range<Int>? {
        guard let run = scan.packed, !run.isEmpty, scan.has(number) else { return nil }
        return run
    }

    /// The fields with values; `raw_data` counts when it is set, be it empty.
    var fields: [TensorOrigin.Field] {
        var fields: [TensorOrigin.Field] = scan.raw == nil ? [] : [.raw]
        if unsafe m.n_float_data > 0 || packed(4) != nil { fields.append(.floats) }
        if unsafe m.n_int32_data > 0 { fields.append(.int32s) }
        if unsafe m.n_string_data > 0 { fields.append(.strings) }
        if unsafe m.n_int64_data > 0 { fields.append(.int64s) }
        if unsafe m.n_double_data > 0 || packed(10) != nil { fields.append(.doubles) }
        if unsafe m.n_uint64_data > 0 { fields.append(.uint64s) }
        return fields
    }

    /// The values of `count` elements, checked, and the field that had them.
    func encoding(_ type: ElementType, count: Int, dims: [Int]) throws -> (Encoding, TensorOrigin.Field) {
        let fields = fields
        guard fields.count <= 1 else {
            let names = fields.map(\.fieldName).joined(separator: " and ")
            throw ModelError(.invalidGraph, "has values in \(names), expected one of them")
        }
        guard let field = fields.first else {
            guard count == 0 else { throw noData(type, count, dims) }
            return (type == .string ? .strings(try strings(count: 0, dims: dims)) : .plain(.empty), .none)
        }
        if field == .raw, type != .string { return (.plain(try decoder.rawValues(scan.raw ?? 0..<0, type, count, dims)), field) }
        guard let wanted = type.valueField else {
            throw ModelError(.unsupported, "has values of data type \(type.rawValue), which this version does not know, in \(field.fieldName)")
        }
        guard field == wanted else {
            let others = type == .string ? "" : " or raw_data"
            throw ModelError(.invalidGraph, "is of type \(type), but has its values in \(field.fieldName); expected \(wanted.fieldName)\(others)")
        }
        if field == .strings { return (.strings(try strings(count: count, dims: dims)), field) }
        return (.plain(try numbers(field, type, count, dims)), field)
    }

    private func noData(_ type: ElementType, _ count: Int, _ dims: [Int]) -> ModelError {
        let need = type.byteCount(elements: count).map { "\($0) bytes" } ?? "\(count) elements"
        return ModelError(.invalidGraph, "has no data, dims \(dims) of \(type) need \(need)")
    }

    private func strings(count: Int, dims: [Int]) throws -> StringList {
        let list = unsafe UnsafeBufferPointer(start: m.string_data, count: m.n_string_data)
        guard list.count == count else {
            throw ModelError(.invalidGraph, "string_data has \(list.count) strings, dims \(dims) need \(count)")
        }
        var joined: [UInt8] = []
        var ends: [UInt8] = []
        ends.reserveCapacity(8 * count)
        unsafe list.forEach { element in
            unsafe joined.append(contentsOf: UnsafeBufferPointer(start: element.data, count: element.len))
            ends.appendLittleEndian(UInt64(joined.count))
        }
        return StringList(joined: TensorBytes(joined), ends: Tensor(.uint64, dims: [count], bytes: TensorBytes(ends)))
    }

    private func numbers(_ field: TensorOrigin.Field, _ type: ElementType, _ count: Int, _ dims: [Int]) throws -> TensorBytes {
        let entries = type.entryCount(elements: count)
        func check(_ found: Int) throws {
            guard found != entries else { return }
            throw ModelError(.invalidGraph, "\(field.fieldName) has \(found) values, dims \(dims) of \(type) need \(entries)")
        }
        switch field {
        case .floats, .doubles:
            let number = field == .floats ? 4 : 10, width = field == .floats ? 4 : 8
            if let run = packed(number) {
                try check(run.count / width)
                return try TensorBytes(file, run)
            }
            let found = unsafe field == .floats ? m.n_float_data : m.n_double_data
            try check(found)
            let values = unsafe field == .floats ? UnsafeRawPointer(m.float_data) : UnsafeRawPointer(m.double_data)
            return unsafe TensorBytes([UInt8](UnsafeRawBufferPointer(start: values, count: found * width)))
        case .int64s:
            try unsafe check(m.n_int64_data)
            return unsafe TensorBytes([UInt8](UnsafeRawBufferPointer(start: m.int64_data, count: 8 * m.n_int64_data)))
        case .uint64s:
            try unsafe check(m.n_uint64_data)
            return try uint64s(type)
        default:
            try unsafe check(m.n_int32_data)
            return try int32s(type, count: count)
        }
    }

    private func uint64s(_ type: ElementType) throws -> TensorBytes {
        let values = unsafe UnsafeBufferPointer(start: m.uint64_data, count: m.n_uint64_data)
        if type == .uint64 { return unsafe TensorBytes([UInt8](UnsafeRawBufferPointer(values))) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * values.count)
        let wrong = unsafe values.firstIndex { UInt32(exactly: $0) == nil }
        if let wrong { throw unsafe outOfRange("uint64_data", wrong, "\(values[wrong])", type, 0, Int64(UInt32.max)) }
        unsafe values.forEach { bytes.appendLittleEndian(UInt32(truncatingIfNeeded: $0)) }
        return TensorBytes(bytes)
    }

    private func int32s(_ type: ElementType, count: Int) throws -> TensorBytes {
        let values = unsafe UnsafeBufferPointer(start: m.int32_data, count: m.n_int32_data)
        if type == .int32 { return unsafe TensorBytes([UInt8](UnsafeRawBufferPointer(values))) }
        let range = type.int32Range
        if let index = unsafe values.firstIndex(where: { !range.contains($0) }) {
            throw unsafe outOfRange("int32_data", index, "\(values[index])", type, Int64(range.lowerBound), Int64(range.upperBound))
        }
        if type.bitWidth == 6 { return unsafe TensorBytes(SixBits.pack(values)) }
        var bytes: [UInt8] = []
        if type.bitWidth == 16 {
            bytes.reserveCapacity(2 * values.count)
            unsafe values.forEach { bytes.appendLittleEndian(UInt16(truncatingIfNeeded: $0)) }
        } else {
            bytes = unsafe values.map { UInt8(truncatingIfNeeded: $0) }
        }
        return TensorBytes(bytes)
    }

    private func outOfRange(_ field: String, _ index: Int, _ value: String, _ type: ElementType, _ low: Int64, _ high: Int64) -> ModelError {
        ModelError(.invalidGraph, "\(field)[\(index)] is \(value), \(type) goes from \(low) to \(high)")
    }
}
