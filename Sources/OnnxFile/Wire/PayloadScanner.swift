internal import Tensors

/// What a scan found in one message, besides the copy for protobuf-c.
struct ScannedMessage {
    /// Bit n: field n occurs.
    var seen: UInt32 = 0
    /// How often field 1 occurs: the nodes of a graph, the dims of a shape.
    var firstFieldCount = 0
    /// Fields in the copy for protobuf-c.
    var copiedFieldCount = 0
    /// `raw_data`, the last one.
    var raw: Range<Int>?
    /// `float_data` or `double_data`, where it is one packed run: the bytes are then the payload as it is.
    var packed: Range<Int>?
    /// Fields that the schema does not know, in source order.
    var unknown: [UInt8] = []
    /// Where `MessageScanner` lists the messages inside; nil if it did not look at this one.
    var children: Range<Int>?
    /// Messages inside that protobuf-c decodes together with this one; `children` then has the others.
    var decodedWithin = 0

    func has(_ number: Int) -> Bool { seen >> UInt32(number) & 1 == 1 }
}

/// Looks at the messages that `MessageScanner` leaves, and names what is wrong. Checks them and makes a copy of the message's own
/// scalar fields; messages inside, payloads and unknown fields are left out, so that protobuf-c gets one small message at a
/// time, never recurses and never copies a weight.
struct PayloadScanner {
    /// Unknown fields are kept in memory: at most so many bytes of them in one file.
    static let unknownLimit = 64 << 20
    /// At most so many bytes of one message are copied.
    static let copyLimit = 1 << 30

    private let bytes: WireBytes
    /// The copy. Its memory is used again for each message.
    private(set) var copy: [UInt8] = []
    private var unknownBytes = 0
    private let file: MappedFile
    private var sparseReading = SparseReading()

    init(_ file: MappedFile) {
        self.file = file
        bytes = WireBytes(file)
    }

    mutating func scan(_ kind: MessageKind, _ body: Body) throws -> ScannedMessage {
        var result = ScannedMessage()
        copy.removeAll(keepingCapacity: copy.capacity < 1 << 20)
        // A packed run of float_data or double_data waits here until it is known to be the only one.
        var run: WireField?
        var runs = 0
        var cursor = FieldCursor(bytes, kind, body)
        while let field = try cursor.next() {
            guard let rule = field.rule else {
                try keepUnknown(field, kind, in: &result)
                continue
            }
            result.seen |= 1 << UInt32(field.number)
            if field.number == 1 { result.firstFieldCount += 1 }
            if case .message = rule.content {
                sparseReading.passed(field.value.count, in: file)
                continue
            }
            try check(field, rule, kind)
            result.copiedFieldCount += 1
            if kind == .tensor, field.number == 9 {
                result.raw = field.value
                sparseReading.passed(field.value.count, in: file)
            } else if kind == .tensor, field.number == 4 || field.number == 10 {
                runs += 1
                if runs == 1, field.wireType == 2 {
                    run = field
                } else {
                    if let first = run { try append(first.whole) }
                    run = nil
                    try append(field.whole)
                }
            } else {
                try append(field.whole)
            }
        }
        result.packed = run?.value
        try checkCopy(kind)
        return result
    }

    /// The file may have changed between the look at a field and its copy. protobuf-c must not meet a message in a message: it
    /// recurses, as deep as the bytes say.
    private func checkCopy(_ kind: MessageKind) throws {
        guard !copy.isEmpty else { return }
        let isSound = unsafe copy.withUnsafeBytes { bytes in
            var cursor = unsafe FieldCursor(WireBytes(bytes), kind, Body(0..<bytes.count))
            do {
                while let field = try cursor.next() {
                    guard let rule = field.rule else { return false }
                    if case .message = rule.content { return false }
                }
                return true
            } catch {
                return false
            }
        }
        guard isSound else { throw ModelError(.io, "changed while it was read; run again when nothing writes to it") }
    }

    private mutating func append(_ range: Range<Int>) throws {
        guard range.count <= Self.copyLimit - copy.count else {
            throw ModelError(.limit, "a message with more than \(printable(bytes: Self.copyLimit)) outside of its tensors", at: ["byte \(range.lowerBound)"])
        }
        unsafe copy.append(contentsOf: bytes.pointer(range))
    }

    private mutating func keepUnknown(_ field: WireField, _ kind: MessageKind, in result: inout ScannedMessage) throws {
        unknownBytes += field.whole.count
        guard unknownBytes <= Self.unknownLimit else {
            throw ModelError(
                .limit, "more than \(printable(bytes: Self.unknownLimit)) of fields that this version does not know",
                at: ["byte \(field.whole.lowerBound)", kind.fieldName(field.number)])
        }
        unsafe result.unknown.append(contentsOf: bytes.pointer(field.whole))
    }

    /// Text is UTF-8, packed runs are whole.
    @inline(__always)
    private func check(_ field: WireField, _ rule: FieldRule, _ kind: MessageKind) throws {
        guard field.wireType == 2 else { return }
        switch rule.content {
        case .string: try checkText(field, kind)
        case .varint: try checkPackedVarints(field, kind)
        case .float: try checkPacked(field, kind, width: 4)
        case .double: try checkPacked(field, kind, width: 8)
        case .bytes, .message: break
        }
    }

    private func checkText(_ field: WireField, _ kind: MessageKind) throws {
        let text = unsafe bytes.pointer(field.value)
        if unsafe text.allSatisfy({ $0 < 0x80 }) { return }
        guard unsafe String(validating: text, as: UTF8.self) == nil else { return }
        let shown = unsafe printable(utf8: Array(text.prefix(4096)))
        throw error(field, kind, "'\(shown)' is not UTF-8")
    }

    private func checkPacked(_ field: WireField, _ kind: MessageKind, width: Int) throws {
        guard field.value.count % width != 0 else { return }
        throw error(field, kind, "\(field.value.count) bytes of packed numbers, which is no multiple of \(width)")
    }

    private func checkPackedVarints(_ field: WireField, _ kind: MessageKind) throws {
        var position = field.value.lowerBound
        let end = field.value.upperBound
        while position < end {
            if bytes[position] < 0x80 {
                position += 1
                continue
            }
            switch Varint.read(bytes, position..<end) {
            case .value(_, let next): position = next
            case .cut: throw error(field, kind, "the last of its packed numbers is cut off at byte \(end)")
            case .tooLong: throw error(field, kind, "a packed number at byte \(position) is longer than 10 bytes")
            }
        }
    }

    private func error(_ field: WireField, _ kind: MessageKind, _ message: String) -> ModelError {
        ModelError(.damagedFile, message, at: ["byte \(field.whole.lowerBound)", kind.fieldName(field.number)])
    }
}
