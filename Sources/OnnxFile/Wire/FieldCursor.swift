internal import Tensors

/// One field as it lies in the file.
struct WireField {
    let number: Int
    /// 0 varint, 1 eight bytes, 2 length-delimited, 3 group, 5 four bytes.
    let wireType: UInt8
    /// Nil: the schema does not know this field.
    let rule: FieldRule?
    /// With its key.
    let whole: Range<Int>
    /// Without key and length.
    let value: Range<Int>
}

/// What the schema says of a field, without its name: small, because it is looked up for each field of a file.
struct FieldRule: Sendable {
    let content: FieldSchema.Content
    let isRepeated: Bool

    /// By message and number.
    static let table: [FieldRule?] = MessageSchema.all.flatMap { schema in
        var row = [FieldRule?](repeating: nil, count: MessageSchema.highestNumber + 1)
        for field in schema.fields { row[field.number] = FieldRule(content: field.content, isRepeated: field.isRepeated) }
        return row
    }

    @inline(__always)
    static func of(_ number: Int, in kind: MessageKind) -> FieldRule? {
        number <= MessageSchema.highestNumber ? table[Int(kind.rawValue) * (MessageSchema.highestNumber + 1) + number] : nil
    }

    @inline(__always)
    func allows(_ wireType: UInt8) -> Bool {
        switch content {
        case .varint: wireType == 0 || (wireType == 2 && isRepeated)
        case .float: wireType == 5 || (wireType == 2 && isRepeated)
        case .double: wireType == 1 || (wireType == 2 && isRepeated)
        case .string, .bytes, .message: wireType == 2
        }
    }
}

/// Steps over the fields of one message and checks that each is whole: keys, wire types, lengths, groups. Looks at no value.
struct FieldCursor {
    /// Groups of unknown fields may nest so deep (protobuf's own limit).
    static let groupDepthLimit = 100

    private let bytes: WireBytes
    private let kind: MessageKind
    private let body: Body
    private var part = 0
    private(set) var position: Int
    private var end: Int

    init(_ bytes: WireBytes, _ kind: MessageKind, _ body: Body) {
        self.bytes = bytes
        self.kind = kind
        self.body = body
        position = body.first.lowerBound
        end = body.first.upperBound
    }

    /// The next field, nil after the last.
    mutating func next() throws -> WireField? {
        while position >= end {
            part += 1
            guard let range = body[part] else { return nil }
            (position, end) = (range.lowerBound, range.upperBound)
        }
        let start = position
        let (number, wireType) = try key()
        let rule = FieldRule.of(number, in: kind)
        if let rule, !rule.allows(wireType) { throw wrongWireType(wireType, number, rule, at: start) }
        let value = try self.value(number, wireType, at: start)
        return WireField(number: number, wireType: wireType, rule: rule, whole: start..<position, value: value)
    }

    private mutating func key() throws -> (number: Int, wireType: UInt8) {
        let start = position
        let key = try varint("a field's key", number: nil, limit: 5)
        guard key >> 3 <= 0x1fff_ffff else {
            throw error(start, nil, "field number \(key >> 3) is above 536870911, the highest of protobuf")
        }
        guard key >> 3 != 0 else { throw fieldZero(at: start) }
        return (Int(key >> 3), UInt8(key & 7))
    }

    private mutating func value(_ number: Int, _ wireType: UInt8, at start: Int) throws -> Range<Int> {
        let from = position
        switch wireType {
        case 0:
            _ = try varint("a number", number: number)
            return from..<position
        case 1, 5: return try take(wireType == 1 ? 8 : 4, number, at: start)
        case 2:
            let length = try varint("a length", number: number)
            guard let count = Int(exactly: length), count <= end - position else { throw tooLong(length, number, at: start) }
            guard position - from <= 5 else { throw error(start, number, "a length written in \(position - from) bytes, the limit is 5") }
            return try take(count, number, at: start)
        case 3: return try group(number, at: start)
        case 4: throw error(start, number, "ends a group that never began")
        default: throw error(start, number, "wire type \(wireType), protobuf has 0 to 5")
        }
    }

    private mutating func take(_ count: Int, _ number: Int, at start: Int) throws -> Range<Int> {
        guard count <= end - position else { throw tooLong(UInt64(count), number, at: start) }
        defer { position += count }
        return position..<position + count
    }

    /// A varint of at most `limit` bytes that fits 64 bits.
    @inline(__always)
    private mutating func varint(_ what: String, number: Int?, limit: Int = 10) throws -> UInt64 {
        if position < end {
            let byte = bytes[position]
            if byte < 0x80 {
                position += 1
                return UInt64(byte)
            }
        }
        return try longVarint(what, number: number, limit: limit)
    }

    private mutating func longVarint(_ what: String, number: Int?, limit: Int) throws -> UInt64 {
        switch Varint.read(bytes, position..<end, limit: limit) {
        case .value(let value, let next):
            position = next
            return value
        case .cut: throw error(position, number, "\(what) is cut off, \(ending)")
        case .tooLong: throw error(position, number, "\(what) is longer than \(limit) bytes, the most that a varint here can have")
        }
    }

    /// Skips a group without recursion: a file decides how deep they nest.
    private mutating func group(_ number: Int, at start: Int) throws -> Range<Int> {
        let from = position
        var open = [number]
        while true {
            guard position < end else { throw error(start, number, "a group that never ends, \(ending)") }
            let at = position
            let (inner, wireType) = try key()
            switch wireType {
            case 3:
                open.append(inner)
                guard open.count <= Self.groupDepthLimit else {
                    throw error(at, inner, "groups nested more than \(Self.groupDepthLimit) deep")
                }
            case 4:
                let begun = open.removeLast()
                guard begun == inner else { throw error(at, inner, "ends group \(inner), but group \(begun) is open") }
                if open.isEmpty { return from..<at }
            default: _ = try value(inner, wireType, at: at)
            }
        }
    }
}

extension FieldCursor {
    private var isTop: Bool { kind == .model }
    private var ending: String { isTop ? "the file ends at byte \(end)" : "its message ends at byte \(end)" }

    private func error(_ position: Int, _ number: Int?, _ message: String) -> ModelError {
        ModelError(.damagedFile, message, at: ["byte \(position)", number.map { kind.fieldName($0) } ?? kind.name])
    }

    private func tooLong(_ length: UInt64, _ number: Int, at start: Int) -> ModelError {
        let left = end - position
        let hint = isTop && number == 7 ? "; the file may be cut off" : ""
        return error(start, number, "needs \(length) bytes, \(isTop ? "the file" : "its message") ends after \(left)\(hint)")
    }

    private func fieldZero(at start: Int) -> ModelError {
        let zeros = (start..<end).prefix { bytes[$0] == 0 }.count
        guard zeros == end - start, zeros > 1 else { return error(start, nil, "field number 0, the lowest is 1") }
        return error(start, nil, "field number 0: the last \(zeros) bytes are zero, which looks like trailing padding of an unfinished download")
    }

    private func wrongWireType(_ wireType: UInt8, _ number: Int, _ rule: FieldRule, at start: Int) -> ModelError {
        let wanted: UInt8 = switch rule.content {
        case .varint: 0
        case .double: 1
        case .float: 5
        case .string, .bytes, .message: 2
        }
        return error(start, number, "wire type \(wireType), expected \(wanted)\(rule.isRepeated && wanted != 2 ? " or 2" : "")")
    }
}

extension MessageKind {
    /// `TensorProto.raw_data`, or `TensorProto field 99` where the schema has no name.
    func fieldName(_ number: Int) -> String {
        let field = MessageSchema.all[Int(rawValue)].fields.first { $0.number == number }
        return field.map { "\(name).\($0.name)" } ?? "\(name) field \(number)"
    }
}

/// Protobuf's numbers of variable length.
enum Varint {
    enum Result {
        case value(UInt64, next: Int)
        /// The range ends first.
        case cut
        /// More bytes than the limit, or more than 64 bits.
        case tooLong
    }

    static func read(_ bytes: WireBytes, _ range: Range<Int>, limit: Int = 10) -> Result {
        var value: UInt64 = 0
        var position = range.lowerBound
        for index in 0..<limit {
            guard position < range.upperBound else { return .cut }
            let byte = bytes[position]
            position += 1
            if index == 9, byte > 1 { return .tooLong }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 { return .value(value, next: position) }
        }
        return .tooLong
    }
}
