internal import Tensors

/// A JSON document. Written in ASCII, whatever names it holds: what is not plain ASCII is escaped, so that a document is safe for
/// a terminal or a log and gives the exact names back when parsed.
public enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    /// NaN and infinities, which JSON does not have, are written as null.
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// In the order given: same content, same text.
    case object([(key: String, value: JSONValue)])

    public static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.number(let x), .number(let y)): x == y
        case (.string(let x), .string(let y)): x.utf8.elementsEqual(y.utf8)
        case (.array(let x), .array(let y)): x == y
        case (.object(let x), .object(let y)): x.elementsEqual(y) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
        default: false
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { (key: $0.0, value: $0.1) }) }
    public init(nilLiteral: ()) { self = .null }
}

extension JSONValue {
    static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
    static func optional(_ number: Int?) -> JSONValue { number.map(JSONValue.int) ?? .null }
    static func optional(_ number: Double?) -> JSONValue { number.map(JSONValue.number) ?? .null }
    static func optional(_ flag: Bool?) -> JSONValue { flag.map(JSONValue.bool) ?? .null }
    /// The exact text: JSON has an escape for everything that `printable` would change.
    static func name(_ name: Name?) -> JSONValue { optional(name?.text) }
    static func list<T>(_ items: some Sequence<T>, _ value: (T) -> JSONValue) -> JSONValue { .array(items.map(value)) }
}

extension JSONValue: CustomStringConvertible {
    /// The document on indented lines; arrays of numbers and short strings on one.
    public var description: String {
        var out: [UInt8] = []
        write(to: &out, indent: 0)
        return String(decoding: out, as: UTF8.self)
    }

    private var isScalar: Bool {
        switch self {
        case .array(let items): items.isEmpty
        case .object(let members): members.isEmpty
        default: true
        }
    }

    private func write(to out: inout [UInt8], indent: Int) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let flag): out += (flag ? "true" : "false").utf8
        case .int(let number): out += String(number).utf8
        case .number(let number): out += (number.isFinite ? String(number) : "null").utf8
        case .string(let text): Self.write(text, to: &out)
        case .array(let items):
            writeItems(items, open: "[", close: "]", onOneLine: items.allSatisfy(\.isScalar), indent, &out) { item, inner, out in
                item.write(to: &out, indent: inner)
            }
        case .object(let members):
            writeItems(members, open: "{", close: "}", onOneLine: members.isEmpty, indent, &out) { member, inner, out in
                Self.write(member.key, to: &out)
                out += ": ".utf8
                member.value.write(to: &out, indent: inner)
            }
        }
    }

    private func writeItems<T>(
        _ items: [T], open: String, close: String, onOneLine: Bool, _ indent: Int, _ out: inout [UInt8],
        _ each: (T, Int, inout [UInt8]) -> Void
    ) {
        out += open.utf8
        for (index, item) in items.enumerated() {
            if index > 0 { out += (onOneLine ? ", " : ",").utf8 }
            if !onOneLine { Self.newLine(indent + 2, &out) }
            each(item, indent + 2, &out)
        }
        if !onOneLine { Self.newLine(indent, &out) }
        out += close.utf8
    }

    private static func newLine(_ indent: Int, _ out: inout [UInt8]) {
        out.append(UInt8(ascii: "\n"))
        out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
    }

    private static func write(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            switch unit {
            case 0x22: out += "\\\"".utf8
            case 0x5c: out += "\\\\".utf8
            case 0x0a: out += "\\n".utf8
            case 0x0d: out += "\\r".utf8
            case 0x09: out += "\\t".utf8
            case 0x20..<0x7f: out.append(UInt8(unit))
            default:
                let hex = String(unit, radix: 16)
                out += "\\u".utf8
                out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - hex.utf8.count))
                out += hex.utf8
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
