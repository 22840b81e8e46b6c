internal import Tensors

/// What the header of a `.npy` file says (NEP 1: a magic number, a version, and a Python dictionary of three entries).
struct NumpyHeader: Equatable {
    /// What an array's elements are.
    enum Elements: Equatable {
        case numbers(ElementType)
        /// Bytes padded with NULs to that length.
        case bytes(Int)
        /// UTF-32 padded with NULs to that many scalars.
        case text(Int)

        /// Bytes of one element.
        var width: Int {
            switch self {
            case .numbers(let type): (type.bitWidth ?? 8) / 8
            case .bytes(let count): count
            case .text(let count): 4 * count
            }
        }

        /// Bytes that a byte order turns round.
        var unit: Int {
            switch self {
            case .numbers(let type): type.storageWidth
            case .bytes: 1
            case .text: 4
            }
        }
    }

    let elements: Elements
    let isBigEndian: Bool
    let isFortranOrder: Bool
    let dims: [Int]
    /// Where the elements begin.
    let byteCount: Int

    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// NumPy writes some hundred bytes.
    private static let lengthLimit = 1 << 20

    /// Reads the header that `bytes` begin with.
    init(_ bytes: TensorBytes) throws {
        let start = try bytes.slice(0..<min(12, bytes.count)).array()
        guard start.count >= 10, Array(start[..<6]) == Self.magic else {
            throw ModelError(.damagedFile, "is no .npy file: it does not begin with the bytes \\x93NUMPY")
        }
        guard (1...3).contains(start[6]), start[7] == 0 else {
            throw ModelError(.unsupported, "is .npy version \(start[6]).\(start[7]), this version reads 1.0, 2.0 and 3.0")
        }
        let fixed = start[6] == 1 ? 10 : 12
        guard start.count >= fixed else { throw ModelError(.damagedFile, "is cut off within its header") }
        let length = start[8..<fixed].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= Self.lengthLimit else { throw ModelError(.limit, "has a header of \(length) bytes, the limit is \(Self.lengthLimit)") }
        guard length <= bytes.count - fixed else {
            throw ModelError(.damagedFile, "has a header of \(length) bytes, the file ends after \(bytes.count - fixed)")
        }
        var parser = HeaderParser(try bytes.slice(fixed..<fixed + length).array())
        let (descr, isFortranOrder, dims) = try within("header") { try parser.dictionary() }
        (elements, isBigEndian) = try Self.elements(descr)
        self.isFortranOrder = isFortranOrder
        self.dims = dims
        byteCount = fixed + length
    }

    /// `<f4`, `|b1`, `<U12`.
    private static func elements(_ descr: String) throws -> (Elements, isBigEndian: Bool) {
        let text = Array(descr.utf8)
        guard text.count >= 2, let order = text.first, "<>|=".utf8.contains(order) else { throw unknown(descr) }
        let kind = Character(Unicode.Scalar(text[1])), digits = text.dropFirst(2)
        if kind == "O" { throw ModelError(.unsupported, "holds pickled Python objects, which are never read: loading them could run any program") }
        guard !digits.isEmpty, digits.count <= 9, digits.allSatisfy({ (0x30...0x39).contains($0) }), let size = Int(String(decoding: digits, as: UTF8.self)) else {
            throw unknown(descr)
        }
        let isBigEndian = order == UInt8(ascii: ">")
        switch kind {
        case "S", "a": return (.bytes(size), false)
        case "U": return (.text(size), isBigEndian)
        default:
            guard let type = types["\(kind)\(size)"] else { throw unknown(descr) }
            return (.numbers(type), isBigEndian)
        }
    }

    private static func unknown(_ descr: String) -> ModelError {
        ModelError(.unsupported, "has elements of type '\(printable(descr))'; booleans, integers, floats, complex numbers and strings can be read")
    }

    static let types: [String: ElementType] = [
        "f2": .float16, "f4": .float, "f8": .double, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8, "u2": .uint16,
        "u4": .uint32, "u8": .uint64, "b1": .bool, "c8": .complex64, "c16": .complex128,
    ]
}

/// The one dictionary of a header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, padded with spaces. Nothing
/// else of Python is understood.
private struct HeaderParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func dictionary() throws -> (descr: String, isFortranOrder: Bool, dims: [Int]) {
        var descr: String?, order: Bool?, dims: [Int]?
        try take("{")
        while !has("}") {
            let key = try string()
            try take(":")
            switch (key, descr, order, dims) {
            case ("descr", nil, _, _): descr = try string()
            case ("fortran_order", _, nil, _): order = try truth()
            case ("shape", _, _, nil): dims = try tuple()
            default: throw error("the key '\(printable(key))', expected 'descr', 'fortran_order' and 'shape', once each")
            }
            if !has(",", taking: true) { break }
        }
        try take("}")
        skipSpaces()
        guard position == bytes.count else { throw error("something behind the dictionary") }
        guard let descr, let order, let dims else { throw error("an end, 'descr', 'fortran_order' and 'shape' are needed") }
        return (descr, order, dims)
    }

    private mutating func tuple() throws -> [Int] {
        var dims: [Int] = []
        try take("(")
        while !has(")") {
            dims.append(try number())
            guard dims.count <= 64 else { throw ModelError(.limit, "more than 64 dims") }
            if has(",", taking: true) { continue }
            guard dims.count > 1 else { throw error("a number in parentheses, expected a tuple") }
            break
        }
        try take(")")
        return dims
    }

    private mutating func number() throws -> Int {
        skipSpaces()
        let digits = bytes[position...].prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty, digits.count <= 15, let value = Int(String(decoding: digits, as: UTF8.self)) else { throw error("no size of a dimension") }
        position += digits.count
        return value
    }

    private mutating func string() throws -> String {
        skipSpaces()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "'") || bytes[position] == UInt8(ascii: "\"") else { throw error("no string") }
        let quote = bytes[position], rest = bytes[(position + 1)...]
        guard let end = rest.firstIndex(of: quote), end - position <= 100, rest[..<end].allSatisfy({ (0x20..<0x7f).contains($0) && $0 != 0x5c }) else {
            throw error("a string without an end, or with other than plain characters")
        }
        defer { position = end + 1 }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private mutating func truth() throws -> Bool {
        skipSpaces()
        for (word, value) in [("True", true), ("False", false)] where bytes[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw error("neither True nor False")
    }

    private mutating func skipSpaces() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x0a { position += 1 }
    }

    private mutating func has(_ character: Character, taking: Bool = false) -> Bool {
        skipSpaces()
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        if taking { position += 1 }
        return true
    }

    private mutating func take(_ character: Character) throws {
        guard has(character, taking: true) else { throw error("no '\(character)'") }
    }

    private func error(_ found: String) -> ModelError {
        ModelError(.damagedFile, "\(found) at byte \(position); a header reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }")
    }
}
