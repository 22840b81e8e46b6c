internal import Tensors

/// Bytes of a mapped file, every access checked. The file must outlive this value.
@safe
struct WireBytes {
    private let base: UnsafeRawPointer
    let count: Int

    init(_ file: MappedFile) {
        unsafe base = file.pointer(0..<file.count).baseAddress!  // a mapped file has at least one byte
        count = file.count
    }

    /// Not empty; must outlive this value.
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe base = bytes.baseAddress!  // not empty
        count = bytes.count
    }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "a byte outside the file")
        return unsafe base.load(fromByteOffset: index, as: UInt8.self)
    }

    @inline(__always)
    func pointer(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "bytes outside the file")
        return unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    func array(_ range: Range<Int>) -> [UInt8] {
        unsafe Array(pointer(range))
    }
}

/// The bytes of one message. Mostly one range; several where a field that holds one message occurs more than once, which
/// protobuf merges (encoding guide, "Last One Wins"): the concatenation of two encodings is the encoding of their union.
struct Body {
    var first: Range<Int>
    var more: [Range<Int>] = []

    init(_ first: Range<Int>) {
        self.first = first
    }

    mutating func merge(_ range: Range<Int>) {
        more.append(range)
    }

    /// Puts `range` behind what `body` has so far. In place: a copy for each of a million parts would take hours.
    static func merge(_ range: Range<Int>, into body: inout Body?) {
        if body == nil { body = Body(range) } else { body?.merge(range) }
    }

    var count: Int { more.reduce(first.count) { $0 + $1.count } }

    subscript(part: Int) -> Range<Int>? {
        part == 0 ? first : part <= more.count ? more[part - 1] : nil
    }
}
