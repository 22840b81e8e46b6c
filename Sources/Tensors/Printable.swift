/// Text from a file, safe for a terminal or a log: one line, no control, format or private character, no bidi override.
///
/// What is escaped is ASCII afterwards and never ambiguous (backslash and quote are escaped too), so that two different
/// texts stay different. Longer than `limit` scalars: shortened in the middle, with its true length behind.
public func printable(_ text: String, limit: Int = 120) -> String {
    printable(utf8: Array(text.utf8), limit: limit)
}

/// The same for bytes that need not be UTF-8: a wrong byte is printed as `\xNN`.
public func printable(utf8 bytes: [UInt8], limit: Int = 120) -> String {
    // What lies beyond the middle of a long text is never printed: look at its two ends only.
    if bytes.count > 16 * limit {
        let head = escaped(bytes.prefix(limit * 4)).prefix(limit / 2), tail = escaped(bytes.suffix(limit * 4)).suffix(limit / 2 - 1)
        return String(String.UnicodeScalarView(head)) + "…" + String(String.UnicodeScalarView(tail)) + " (\(bytes.count) bytes)"
    }
    let scalars = escaped(bytes[...])
    guard scalars.count > limit else { return String(scalars) }
    return String(String.UnicodeScalarView(scalars.prefix(limit / 2))) + "…"
        + String(String.UnicodeScalarView(scalars.suffix(limit / 2 - 1))) + " (\(bytes.count) bytes)"
}

private func escaped(_ bytes: ArraySlice<UInt8>) -> String.UnicodeScalarView {
    var out = String.UnicodeScalarView()
    var rest = bytes
    while let first = rest.first {
        if first >= 0x20, first < 0x7f {
            if first == UInt8(ascii: "\\") || first == UInt8(ascii: "'") { out.append("\\") }
            out.append(Unicode.Scalar(first))
            rest = rest.dropFirst()
            continue
        }
        var decoder = UTF8()
        var four = rest.prefix(4).makeIterator()
        if case .scalarValue(let scalar) = decoder.decode(&four) {
            rest = rest.dropFirst(UTF8.width(scalar))
            if isPlain(scalar) {
                out.append(scalar)
            } else {
                out.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            }
        } else {
            rest = rest.dropFirst()
            out.append(contentsOf: "\\x\(first < 16 ? "0" : "")\(String(first, radix: 16))".unicodeScalars)
        }
    }
    return out
}

/// Marks are escaped too: they stack on the text before them and hide that two names differ.
private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .privateUse, .unassigned,
        .nonspacingMark, .enclosingMark, .spacingMark:
        false
    default: true
    }
}

/// A byte count for people: `512 B`, `12.3 kB`, `90.3 MB`, `1.07 GB` (powers of 1,000).
public func printable(bytes count: Int) -> String {
    if count < 1000 { return "\(count) B" }
    var value = Double(count) / 1000
    for unit in ["kB", "MB", "GB"] {
        if value < 999.5 { return "\(threeDigits(value)) \(unit)" }
        value /= 1000
    }
    return "\(threeDigits(value)) TB"
}

/// Three significant digits, without the C library's locale.
private func threeDigits(_ value: Double) -> String {
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    let scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1
    let scaled = Int((value * Double(scale)).rounded())
    guard decimals > 0 else { return "\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale).\(String(repeating: "0", count: decimals - fraction.count))\(fraction)"
}
