#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Bytes of a tensor and where they lie: in memory that this process owns, in a mapped file, or in a compressed segment that
/// is decoded chunk by chunk when it is read. Copying this value never copies the bytes.
public struct TensorBytes: Sendable {
    package enum Place: Sendable {
        case owned([UInt8], offset: Int)
        case memory(OwnedMemory, offset: Int)
        case mapped(MappedFile, offset: Int)
        case decoded(any ByteSource, offset: Int)
    }

    package let place: Place
    /// Length in bytes.
    public let count: Int

    private init(_ place: Place, count: Int) {
        self.place = place
        self.count = count
    }

    public static let empty = TensorBytes([])

    public init(_ bytes: [UInt8]) {
        self.init(.owned(bytes, offset: 0), count: bytes.count)
    }

    /// All of `memory`, which nobody writes to any more.
    package init(_ memory: OwnedMemory) {
        unsafe self.init(.memory(memory, offset: 0), count: memory.bytes.count)
    }

    /// `range` of a mapped file, in place. Throws `.damagedFile` if the file does not hold it.
    public init(_ file: MappedFile, _ range: Range<Int>) throws {
        guard range.lowerBound >= 0, range.upperBound <= file.count else {
            throw ModelError(.damagedFile, "needs bytes \(range.lowerBound) to \(range.upperBound), the file ends at \(file.count)")
        }
        self.init(.mapped(file, offset: range.lowerBound), count: range.count)
    }

    /// `range` of what `source` decodes to; must lie within it.
    package init(_ source: any ByteSource, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= source.count, "a range outside its source")
        self.init(.decoded(source, offset: range.lowerBound), count: range.count)
    }

    /// A part of these bytes; `range` must lie within `0..<count`.
    public func slice(_ range: Range<Int>) -> TensorBytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a slice outside its bytes")
        switch place {
        case .owned(let bytes, let offset): return TensorBytes(.owned(bytes, offset: offset + range.lowerBound), count: range.count)
        case .memory(let memory, let offset): return TensorBytes(.memory(memory, offset: offset + range.lowerBound), count: range.count)
        case .mapped(let file, let offset): return TensorBytes(.mapped(file, offset: offset + range.lowerBound), count: range.count)
        case .decoded(let source, let offset): return TensorBytes(.decoded(source, offset: offset + range.lowerBound), count: range.count)
        }
    }

    /// True if the bytes can be used where they are, without decoding.
    public var isInPlace: Bool {
        if case .decoded = place { false } else { true }
    }

    /// True if they lie in a mapped file, whose pages come into memory where they are touched.
    package var isMapped: Bool {
        if case .mapped = place { true } else { false }
    }

    /// Lends all bytes at once. What lies in a compressed segment is decoded into memory for the call.
    public func withBytes<R>(_ body: (RawSpan) throws -> R) throws -> R {
        try unsafe withUnsafeBytes { bytes in try unsafe body(RawSpan(_unsafeBytes: bytes)) }
    }

    /// Lends the bytes in order, in pieces of at most `maximum`; memory stays at one piece.
    public func forEachPiece(ofAtMost maximum: Int = 1 << 18, _ body: (RawSpan) throws -> Void) throws {
        var start = 0
        while start < count {
            let piece = slice(start..<min(count, start + maximum))
            try piece.withBytes(body)
            start += piece.count
        }
    }

    /// A copy of the bytes.
    public func array() throws -> [UInt8] {
        try unsafe withUnsafeBytes { unsafe Array($0) }
    }

    /// Copies `range` into `target`, which is as long. What lies in a mapped file is read past the mapping: nothing becomes resident.
    package func read(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        guard !range.isEmpty else { return }
        precondition(range.count == target.count && range.lowerBound >= 0 && range.upperBound <= count, "a range outside its bytes")
        switch place {
        case .decoded(let source, let offset): try unsafe source.read(at: offset + range.lowerBound, into: target)
        case .mapped(let file, let offset): try unsafe file.read(at: offset + range.lowerBound, into: target)
        case .owned, .memory: try unsafe slice(range).withUnsafeBytes { unsafe target.copyMemory(from: $0) }
        }
    }

    /// Lets pages of a mapped range leave memory; they come back when touched.
    package func release(_ range: Range<Int>) {
        guard case .mapped(let file, let offset) = place else { return }
        file.release(offset + range.lowerBound..<offset + range.upperBound)
    }

    /// Where the bytes lie for as long as this value is kept; nil if they have no fixed place, or if there are none.
    package var address: UnsafeRawPointer? {
        guard count > 0 else { return nil }
        switch place {
        case .memory(let memory, let offset): return unsafe UnsafeRawPointer(memory.bytes.baseAddress! + offset)
        case .mapped(let file, let offset): return unsafe file.pointer(offset..<offset + count).baseAddress
        case .owned, .decoded: return nil
        }
    }

    /// True if they lie at a fixed place, or if there are none.
    package var hasAddress: Bool { unsafe count == 0 || address != nil }

    /// As `withBytes`, for C.
    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        switch place {
        case .owned(let bytes, let offset):
            return try unsafe bytes.withUnsafeBytes { try unsafe body(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count])) }
        case .memory(let memory, let offset):
            return try unsafe body(UnsafeRawBufferPointer(rebasing: memory.bytes[offset..<offset + count]))
        case .mapped(let file, let offset):
            return try unsafe body(file.pointer(offset..<offset + count))
        case .decoded(let source, let offset):
            let memory = try OwnedMemory(byteCount: count)
            try unsafe source.read(at: offset, into: memory.bytes)
            return try unsafe body(UnsafeRawBufferPointer(memory.bytes))
        }
    }
}

/// Something that decodes to bytes: a compressed segment, a transposed tensor.
package protocol ByteSource: AnyObject, Sendable {
    /// Length of what it decodes to.
    var count: Int { get }
    /// Fills `target` with the decoded bytes from `offset` on; the range lies within `0..<count`.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws
}

extension TensorBytes: Equatable {
    /// By content. Bytes of a damaged segment equal nothing.
    public static func == (a: TensorBytes, b: TensorBytes) -> Bool {
        guard a.count == b.count else { return false }
        if case .mapped(let x, let i) = a.place, case .mapped(let y, let j) = b.place, x === y, i == j { return true }
        let step = 1 << 18
        for start in stride(from: 0, to: a.count, by: step) {
            let range = start..<min(a.count, start + step)
            let same = try? unsafe a.slice(range).withUnsafeBytes { x in
                try unsafe b.slice(range).withUnsafeBytes { y in unsafe memcmp(x.baseAddress!, y.baseAddress!, x.count) == 0 }
            }
            guard same == true else { return false }
        }
        return true
    }
}
