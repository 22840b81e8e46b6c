/// `1 node`, `2 nodes`, `1 entry`, `2 entries`.
func counted(_ count: Int, _ noun: String) -> String {
    if count == 1 { return "1 \(noun)" }
    return grouped(count) + " " + (noun.hasSuffix("y") ? noun.dropLast() + "ies" : noun + "s")
}

/// `22713216` as `22,713,216`.
func grouped(_ number: Int) -> String {
    var out: [Character] = []
    for (index, digit) in String(number.magnitude).reversed().enumerated() {
        if index > 0, index % 3 == 0 { out.append(",") }
        out.append(digit)
    }
    return (number < 0 ? "-" : "") + String(out.reversed())
}

/// `value` with a fixed number of decimals, whatever the locale; `nan` and `inf` as such.
func decimals(_ value: Double, _ count: Int) -> String {
    let scale = (0..<count).reduce(1.0) { scale, _ in scale * 10 }
    guard value.isFinite, value.magnitude * scale < 1e18 else { return "\(value)" }
    let scaled = Int((value.magnitude * scale).rounded())
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return count == 0 ? sign + digits : sign + padded.dropLast(count) + "." + padded.suffix(count)
}

/// `value` to `count` decimals, for JSON: digits beyond are noise.
func rounded(_ value: Double, _ count: Int) -> Double {
    let scale = (0..<count).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = (value * scale).rounded()
    return scaled.isFinite ? scaled / scale : value
}

/// Four significant digits, with an exponent where the number is very small or large: `0.001234`, `1.23e-07`.
func significant(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
    var exponent = 0
    var mantissa = value.magnitude
    while mantissa >= 10 { mantissa /= 10; exponent += 1 }
    while mantissa < 1 { mantissa *= 10; exponent -= 1 }
    if exponent >= -4, exponent < 4 { return decimals(value, max(0, 3 - exponent)) }
    return (value < 0 ? "-" : "") + decimals(mantissa, 3) + "e" + String(exponent)
}

/// Rows under one another; a column is as wide as its widest cell. Columns listed in `right` are aligned to the right.
func table(_ rows: [[String]], indent: Int = 2, right: Set<Int> = []) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
        var line = String(repeating: " ", count: indent)
        for (column, cell) in row.enumerated() {
            let space = String(repeating: " ", count: widths[column] - cell.count)
            line += right.contains(column) ? space + cell : cell + (column + 1 < row.count ? space : "")
            if column + 1 < row.count { line += "  " }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// A share from 0 to 1 as `99.4 %`; never rounded up to 100 %, nor a small one down to 0.
func percent(_ share: Double) -> String {
    let value = 100 * share
    guard value > 0, value < 100 else { return "\(decimals(value, 0)) %" }
    let count = value > 1 && value < 99 ? 1 : 2, text = decimals(value, count)
    if Double(text) == 100 { return "> 99.99 %" }
    return Double(text) == 0 ? "\(significant(value)) %" : "\(text) %"
}
