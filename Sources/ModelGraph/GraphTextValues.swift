internal import Tensors

/// A name as it stands where it is plain, else escaped in quotes; `-` where none is set.
func word(_ name: Name?) -> String {
    guard let name else { return "-" }
    func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/")
        }
    }
    // Shortened texts could hide a difference.
    return !name.isEmpty && name.text.utf8.allSatisfy(isPlain) ? name.text : "'\(printable(name.text, limit: 1 << 40))'"
}

func words(_ names: [Name]) -> String { names.map { word($0) }.joined(separator: ", ") }

func number<I: BinaryInteger>(_ value: I?) -> String { value.map { "\($0)" } ?? "-" }

func unknown(_ fields: [UInt8]) -> String { fields.isEmpty ? "" : " +" + hex(fields) }

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A value that fits on one line.
func value(_ value: AttributeValue) throws -> String {
    func list<T>(_ values: [T], _ text: (T) -> String) -> String { "[" + values.map(text).joined(separator: ", ") + "]" }
    func string(_ bytes: [UInt8]) -> String { "'\(printable(utf8: bytes, limit: 1 << 40))'" }
    switch value {
    case .undefined: return "nothing"
    case .float(let number): return float(number)
    case .int(let number): return "\(number)"
    case .string(let bytes): return string(bytes)
    case .tensor(let each): return try tensor(each)
    case .sparseTensor(let each): return try sparse(each)
    case .type(let type): return "type \(type)"
    case .floats(let values): return list(values, float)
    case .ints(let values): return list(values) { "\($0)" }
    case .strings(let values): return list(values, string)
    case .types(let values): return list(values) { "type \($0)" }
    case .graph, .graphs, .tensors, .sparseTensors: return value.typeName
    }
}

/// With a point or an exponent, so that it differs from an int; NaNs by their bits.
private func float(_ value: Float) -> String {
    value.isNaN ? "nan(0x\(String(value.bitPattern, radix: 16)))" : "\(value)"
}

func tensor(_ tensor: Tensor) throws -> String {
    var text = "\(word(tensor.name)): \(tensor.elementType)\(tensor.dims) " + (try content(tensor))
    for each in tensor.origin.externalData { text += " \(word(each.key))=\(word(each.value))" }
    if let doc = tensor.docString { text += " doc_string \(word(doc))" }
    for each in tensor.metadata { text += " metadata \(word(each.key))=\(word(each.value))" }
    return text + unknown(tensor.origin.unknownFields)
}

func sparse(_ sparse: SparseTensor) throws -> String {
    let values = try sparse.values.map(tensor) ?? "no values", indices = try sparse.indices.map(tensor) ?? "no indices"
    return "\(sparse.dims) of values \(values) at \(indices)" + unknown(sparse.unknownFields)
}

private func content(_ tensor: Tensor) throws -> String {
    switch tensor.encoding {
    case .plain(let bytes):
        if bytes.count <= 32, let numbers = try numbers(bytes, tensor.elementType) { return "= " + numbers }
        return "= \(try hash(bytes))"
    case .strings(let list): return "= strings \(try hash(list.joined)) ends \(try content(list.ends))"
    case .affine(let each):
        let zero = try each.zeroPoint.map { " zero point \(try content($0))" } ?? ""
        return "= affine \(each.bits) bits \(each.isSigned ? "signed" : "unsigned") block \(each.block ?? []) \(try hash(each.codes)) scale \(try content(each.scale))\(zero)"
    case .palette(let each):
        return "= palette \(each.bits) bits block \(each.block ?? []) vector \(each.vector) \(try hash(each.indices)) table \(try content(each.table))"
    case .bitmask(let each): return "= bitmask \(try hash(each.mask)) values \(try content(each.values))"
    case .gaps(let each): return "= gaps \(try hash(each.gaps)) values \(try content(each.values))"
    case .transposed(let each): return "= transposed \(try content(each.of))"
    }
}

/// The elements of the types that people read; nil for others.
private func numbers(_ bytes: TensorBytes, _ type: ElementType) throws -> String? {
    func list<T>(_ as: T.Type, _ width: Int, _ text: (T) -> String) throws -> String where T: BitwiseCopyable {
        try bytes.withBytes { span in
            let count = span.byteCount / width
            return "[" + (0..<count).map { text(unsafe span.unsafeLoadUnaligned(fromByteOffset: $0 * width, as: T.self)) }.joined(separator: ", ") + "]"
        }
    }
    switch type {
    case .float: return try list(UInt32.self, 4) { float(Float(bitPattern: UInt32(littleEndian: $0))) }
    case .int64: return try list(Int64.self, 8) { "\(Int64(littleEndian: $0))" }
    case .int32: return try list(Int32.self, 4) { "\(Int32(littleEndian: $0))" }
    case .uint64: return try list(UInt64.self, 8) { "\(UInt64(littleEndian: $0))" }
    case .uint8, .bool: return try list(UInt8.self, 1) { "\($0)" }
    case .int8: return try list(Int8.self, 1) { "\($0)" }
    default: return nil
    }
}

/// Length and FNV-1a hash (Fowler, Noll, Vo; 64 bits) of all bytes.
private func hash(_ bytes: TensorBytes) throws -> String {
    var state: UInt64 = 0xcbf2_9ce4_8422_2325
    try bytes.forEachPiece { piece in
        for offset in piece.byteOffsets {
            state = (state ^ UInt64(unsafe piece.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self))) &* 0x100_0000_01b3
        }
    }
    return "\(bytes.count) bytes #" + String(state, radix: 16)
}
