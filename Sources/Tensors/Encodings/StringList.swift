/// The elements of a STRING tensor: all bytes joined, and where each ends. ONNX strings are bytes; they need not be UTF-8.
public struct StringList: Equatable, Sendable {
    public var joined: TensorBytes
    /// UINT64, 1-D: the end of each element in `joined`; never decreasing, the last is `joined.count`.
    public var ends: Tensor

    public init(joined: TensorBytes, ends: Tensor) {
        self.joined = joined
        self.ends = ends
    }
}

extension StringList {
    /// Strings in order.
    public init(_ strings: [[UInt8]]) {
        var joined: [UInt8] = [], ends: [UInt8] = []
        for string in strings {
            joined += string
            for shift in 0..<8 { ends.append(UInt8(truncatingIfNeeded: joined.count >> (8 * shift))) }
        }
        self.init(joined: TensorBytes(joined), ends: Tensor(.uint64, dims: [strings.count], bytes: TensorBytes(ends)))
    }

    /// Throws if a rule of section 4.6 is broken. Looks at sizes only: the ends are checked when they are read.
    package func check(dims: [Int], elementType: ElementType) throws {
        guard elementType == .string else { throw ModelError(.damagedFile, "a list of strings has the type \(elementType), it must be STRING") }
        guard let count = elementCount(of: dims) else { throw ModelError(.damagedFile, "dims \(dims) leave the limit of 2^48 elements") }
        try within("ends") {
            guard ends.elementType == .uint64, ends.dims == [count] else {
                throw ModelError(.damagedFile, "are \(ends.elementType) of dims \(ends.dims), they must be UINT64 of dims [\(count)]")
            }
            guard case .plain = ends.encoding else { throw ModelError(.damagedFile, "are \(ends.encodingName), they must be plain") }
            try ends.checkEncoding()
        }
    }

    /// Calls `body` with the range of each string in `joined`, in order. Throws if the ends decrease or do not end where the bytes do.
    public func forEachRange(_ body: (Range<Int>) throws -> Void) throws {
        var start = 0, index = 0
        guard ends.elementType == .uint64 else { throw ModelError(.damagedFile, "the ends of strings are \(ends.elementType), they must be UINT64") }
        try ends.plainBytes().forEachPiece(ofAtMost: 1 << 16) { piece in
            for offset in stride(from: 0, to: piece.byteCount, by: 8) {
                let end = UInt64(littleEndian: unsafe piece.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
                guard let end = Int(exactly: end), end >= start, end <= joined.count else {
                    throw ModelError(.damagedFile, "string \(index) ends at byte \(end); it begins at \(start) and all have \(joined.count)")
                }
                try body(start..<end)
                start = end
                index += 1
            }
        }
        guard start == joined.count else { throw ModelError(.damagedFile, "the strings end at byte \(start), their data at \(joined.count)") }
    }

    /// All strings.
    public func strings() throws -> [[UInt8]] {
        let bytes = try joined.array()
        var strings: [[UInt8]] = []
        try forEachRange { strings.append(Array(bytes[$0])) }
        return strings
    }
}
