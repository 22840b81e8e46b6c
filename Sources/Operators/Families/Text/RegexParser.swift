internal import Tensors

/// What a regular expression means, before it becomes a program.
indirect enum RegexTree {
    case empty
    case set(ScalarSet)
    case assertion(RegexAssertion)
    case sequence([RegexTree])
    case choice([RegexTree])
    /// Nil: any number of times.
    case repetition(RegexTree, least: Int, most: Int?)
}

enum RegexAssertion {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
}

/// Reads RE2's syntax (https://github.com/google/re2/wiki/Syntax) but for Unicode classes, which are refused, as is what RE2
/// refuses: references and looking around.
struct RegexParser {
    private struct Flags {
        var ignoresCase = false
        var dotIsAll = false
        var isMultiline = false
    }

    private let text: [Unicode.Scalar]
    private var at = 0
    private var flags = Flags()
    private var depth = 0
    private static let depthLimit = 100
    private static let repetitionLimit = 1000

    static func parse(_ pattern: String) throws -> RegexTree {
        var parser = RegexParser(text: Array(pattern.unicodeScalars))
        let tree = try parser.choice()
        guard parser.at == parser.text.count else { throw parser.error("has a ')' too many") }
        return tree
    }

    private init(text: [Unicode.Scalar]) { self.text = text }

    private func error(_ what: String, _ code: ModelError.Code = .invalidGraph) -> ModelError {
        ModelError(code, "the regular expression \(what) at character \(at)")
    }

    private var next: Unicode.Scalar? { at < text.count ? text[at] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        at += 1
        return true
    }

    private mutating func take(_ string: String) -> Bool {
        let scalars = Array(string.unicodeScalars)
        guard text[at...].starts(with: scalars) else { return false }
        at += scalars.count
        return true
    }

    private mutating func pop() throws -> Unicode.Scalar {
        guard let scalar = next else { throw error("ends too early") }
        at += 1
        return scalar
    }

    /// Flags that are set within a group hold to its end.
    private mutating func choice() throws -> RegexTree {
        var parts: [RegexTree] = []
        repeat { parts.append(try sequence()) } while take("|")
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() throws -> RegexTree {
        var parts: [RegexTree] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if take("\\Q") {
                while at < text.count, !take("\\E") { parts.append(literal(try pop())) }
            } else {
                parts.append(try repeated(atom()))
            }
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private func literal(_ scalar: Unicode.Scalar) -> RegexTree { .set(cased(ScalarSet(scalar))) }

    private func cased(_ set: ScalarSet) -> ScalarSet {
        var set = set
        set.ignoresCase = flags.ignoresCase
        return set
    }

    private mutating func atom() throws -> RegexTree {
        let scalar = try pop()
        switch scalar {
        case ".": return .set(flags.dotIsAll ? .all : .notNewline)
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "(": return try group()
        case "[": return .set(try bracket())
        case "*", "+", "?": throw error("has nothing to repeat")
        case "\\": return try escape()
        default: return literal(scalar)
        }
    }

    private mutating func group() throws -> RegexTree {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw error("has more than \(Self.depthLimit) groups in each other", .limit) }
        let outer = flags
        if take("?") {
            if take("P<") || take("<") {
                while try pop() != ">" {}
            } else if try !flagList() {
                return .empty
            }
        }
        let tree = try choice()
        guard take(")") else { throw error("lacks a ')'") }
        flags = outer
        return tree
    }

    /// True if a group follows; false if the flags are for the rest of the group around them.
    private mutating func flagList() throws -> Bool {
        var value = true
        while true {
            switch try pop() {
            case "i": flags.ignoresCase = value
            case "s": flags.dotIsAll = value
            case "m": flags.isMultiline = value
            // Which match is preferred does not matter here.
            case "U": break
            case "-": value = false
            case ":": return true
            case ")": return false
            default: throw error("has a kind of group that is not supported", .unsupported)
            }
        }
    }

    private mutating func repeated(_ tree: RegexTree) throws -> RegexTree {
        let bounds: (Int, Int?)
        if take("*") { bounds = (0, nil) } else if take("+") { bounds = (1, nil) } else if take("?") { bounds = (0, 1) } else {
            guard let counts = try counts() else { return tree }
            bounds = counts
        }
        // Lazy or not: the same texts match.
        _ = take("?")
        if let next, "*+?".unicodeScalars.contains(next) { throw error("repeats a repetition") }
        return .repetition(tree, least: bounds.0, most: bounds.1)
    }

    /// `{2}`, `{2,}` or `{2,5}`; anything else after a brace is text.
    private mutating func counts() throws -> (Int, Int?)? {
        let start = at
        guard take("{"), let least = number() else {
            at = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            at = start
            return nil
        }
        guard least <= Self.repetitionLimit, most ?? least <= Self.repetitionLimit, most ?? least >= least else {
            throw error("repeats \(least) to \(most ?? least) times, the limit is \(Self.repetitionLimit)", .limit)
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next, ScalarSet.digits.contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 0x30), 1 << 20)
            at += 1
        }
        return value
    }

    private mutating func escape() throws -> RegexTree {
        switch next {
        case "A": at += 1; return .assertion(.textStart)
        case "z": at += 1; return .assertion(.textEnd)
        case "b": at += 1; return .assertion(.wordBoundary)
        case "B": at += 1; return .assertion(.noWordBoundary)
        default: return .set(cased(try escapedSet()))
        }
    }

    /// What follows a backslash, in or out of brackets.
    private mutating func escapedSet() throws -> ScalarSet {
        let scalar = try pop()
        switch scalar {
        case "d": return .digits
        case "D": return ScalarSet.digits.inverted
        case "w": return .words
        case "W": return ScalarSet.words.inverted
        case "s": return .spaces
        case "S": return ScalarSet.spaces.inverted
        case "a": return ScalarSet("\u{7}")
        case "f": return ScalarSet("\u{c}")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "v": return ScalarSet("\u{b}")
        case "x": return try code(hexadecimal())
        case "0": return try code(octal())
        default:
            guard scalar.value >= 0x80 || !ScalarSet.words.contains(scalar) || scalar == "_" else {
                throw error("has the escape '\\\(scalar)', which is not supported", .unsupported)
            }
            return ScalarSet(scalar)
        }
    }

    private func code(_ value: UInt32) throws -> ScalarSet {
        guard let scalar = Unicode.Scalar(value) else { throw error("names character \(value), which does not exist") }
        return ScalarSet(scalar)
    }

    private mutating func octal() -> UInt32 {
        var value: UInt32 = 0, left = 2
        while left > 0, let digit = next, (0x30...0x37).contains(digit.value) {
            value = value * 8 + digit.value - 0x30
            (at, left) = (at + 1, left - 1)
        }
        return value
    }

    private mutating func hexadecimal() throws -> UInt32 {
        func digit(_ scalar: Unicode.Scalar) -> UInt32? { Character(scalar).hexDigitValue.map { UInt32($0) } }
        var value: UInt32 = 0
        if take("{") {
            while !take("}") {
                guard let next = digit(try pop()), value <= 0x10ffff else { throw error("has a wrong \\x{…}") }
                value = value * 16 + next
            }
            return value
        }
        for _ in 0..<2 {
            guard let next = digit(try pop()) else { throw error("has a wrong \\x") }
            value = value * 16 + next
        }
        return value
    }

    private mutating func bracket() throws -> ScalarSet {
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = [], isFirst = true
        while isFirst || next != "]" {
            isFirst = false
            if take("[:") {
                let part = try posixClass()
                ranges += part
                continue
            }
            let low = try bracketItem()
            // A single character may begin a range; `-` at the end is one itself.
            guard low.count == 1, low[0].count == 1, next == "-", at + 1 < text.count, text[at + 1] != "]" else {
                ranges += low
                continue
            }
            at += 1
            let high = try bracketItem()
            guard high.count == 1, high[0].count == 1, high[0].lowerBound >= low[0].lowerBound else { throw error("has a range that goes back") }
            ranges.append(low[0].lowerBound...high[0].lowerBound)
        }
        at += 1
        var set = ScalarSet(ranges)
        if isInverted, flags.ignoresCase { set = set.withBothCases }
        return cased(isInverted ? set.inverted : set).withoutCase(isInverted)
    }

    private mutating func bracketItem() throws -> [ClosedRange<UInt32>] {
        let scalar = try pop()
        return scalar == "\\" ? try escapedSet().ranges : [scalar.value...scalar.value]
    }

    private mutating func posixClass() throws -> [ClosedRange<UInt32>] {
        let isInverted = take("^")
        var name = ""
        while !take(":]") { name.unicodeScalars.append(try pop()) }
        guard let set = ScalarSet.named(name) else { throw error("has a class of unknown name", .unsupported) }
        return (isInverted ? set.inverted : set).ranges
    }
}

extension ScalarSet {
    /// With the other case of each ASCII letter in it: an inverted set cannot leave that to the match.
    fileprivate var withBothCases: ScalarSet {
        let added = (0x41...0x5a).flatMap { upper -> [ClosedRange<UInt32>] in
            let value = UInt32(upper), pair = [value, value + 32]
            let isIn = pair.contains { one in ranges.contains { $0.contains(one) } }
            return isIn ? pair.map { $0...$0 } : []
        }
        return ScalarSet(ranges + added)
    }

    fileprivate func withoutCase(_ isInverted: Bool) -> ScalarSet {
        var copy = self
        if isInverted { copy.ignoresCase = false }
        return copy
    }
}
