/// Unicode scalars, as ranges in ascending order that do not touch.
struct ScalarSet: Equatable {
    private(set) var ranges: [ClosedRange<UInt32>] = []
    /// A scalar also belongs if its lower- or upper-case form does.
    var ignoresCase = false

    private static let last: UInt32 = 0x10ffff

    init(_ ranges: [ClosedRange<UInt32>]) {
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let end = self.ranges.last, range.lowerBound <= end.upperBound + 1 {
                self.ranges[self.ranges.count - 1] = end.lowerBound...max(end.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

    var inverted: ScalarSet {
        var result: [ClosedRange<UInt32>] = [], start: UInt32 = 0
        for range in ranges {
            if range.lowerBound > start { result.append(start...range.lowerBound - 1) }
            start = range.upperBound + 1
        }
        if start <= Self.last { result.append(start...Self.last) }
        return ScalarSet(result)
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        if holds(scalar.value) { return true }
        guard ignoresCase else { return false }
        return [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping].contains { form in
            let scalars = form.unicodeScalars
            return scalars.count == 1 && holds(scalars[scalars.startIndex].value)
        }
    }

    private func holds(_ value: UInt32) -> Bool {
        for range in ranges where value <= range.upperBound { return value >= range.lowerBound }
        return false
    }

    // As RE2 has them: ASCII only.
    static let digits = ScalarSet([0x30...0x39])
    static let words = ScalarSet([0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a])
    static let spaces = ScalarSet([0x09...0x0a, 0x0c...0x0d, 0x20...0x20])
    static let all = ScalarSet([0...last])
    static let notNewline = ScalarSet([0x0a...0x0a]).inverted

    /// The POSIX classes that may stand between `[:` and `:]`.
    static func named(_ name: String) -> ScalarSet? {
        let ranges: [ClosedRange<UInt32>]? = switch name {
        case "alnum": [0x30...0x39, 0x41...0x5a, 0x61...0x7a]
        case "alpha": [0x41...0x5a, 0x61...0x7a]
        case "ascii": [0...0x7f]
        case "blank": [0x09...0x09, 0x20...0x20]
        case "cntrl": [0...0x1f, 0x7f...0x7f]
        case "digit": [0x30...0x39]
        case "graph": [0x21...0x7e]
        case "lower": [0x61...0x7a]
        case "print": [0x20...0x7e]
        case "punct": [0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e]
        case "space": [0x09...0x0d, 0x20...0x20]
        case "upper": [0x41...0x5a]
        case "word": [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]
        case "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66]
        default: nil
        }
        return ranges.map { ScalarSet($0) }
    }
}
