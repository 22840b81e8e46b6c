internal import COnnx
internal import Tensors

/// The first to see a message's bytes. What is sound and usual it checks, copies for protobuf-c and lists in one pass in C; of
/// anything else it says nothing, and `PayloadScanner` looks at it with care and finds the words for what is wrong.
@safe
final class MessageScanner {
    enum Access {
        case mapping
        /// Reads the places between the weights: of a large file, nothing is to become resident.
        case reading
        /// Leaves all messages to `PayloadScanner`.
        case none
    }

    private let pointer: OpaquePointer
    private let file: MappedFile
    private let access: Access

    init(_ file: MappedFile, access: Access? = nil) throws {
        self.access = access ?? (file.count > OnnxFile.sparseReadingSize ? .reading : .mapping)
        let map = unsafe self.access == .mapping ? file.pointer(0..<file.count).baseAddress : nil
        guard let made = unsafe thimble_scanner_create(map, file.descriptor, file.count) else {
            throw ModelError(.limit, "there is no memory for a message")
        }
        unsafe pointer = made
        self.file = file
    }

    deinit {
        unsafe thimble_scanner_destroy(pointer)
    }

    /// Nil: not for this scanner.
    @inline(__always)
    func scan(_ kind: MessageKind, _ body: Body) -> (scan: ScannedMessage, textBytes: Int)? {
        guard body.more.isEmpty, access != .none else { return nil }
        var found = thimble_scan()
        guard unsafe thimble_scan_message(pointer, UInt32(kind.rawValue), body.first.lowerBound, body.first.upperBound, &found) else { return nil }
        var result = ScannedMessage()
        result.seen = found.seen
        result.firstFieldCount = found.first_field_count
        result.copiedFieldCount = Int(found.copied_field_count)
        if kind == .tensor {
            if result.has(9) { result.raw = found.raw_start..<found.raw_start + found.raw_count }
            if found.has_packed { result.packed = found.packed_start..<found.packed_start + found.packed_count }
        }
        result.decodedWithin = found.decoded_within
        result.children = found.first_child..<found.first_child + found.child_count
        return (result, found.copied_byte_count)
    }

    /// What C takes a field for, as `thimble_field_rule` says it.
    static func rule(_ number: Int, in kind: MessageKind) -> UInt32 { thimble_field_rule(UInt32(kind.rawValue), UInt32(number)) }

    /// The message of the last scan, nil if `arena` has no room.
    @inline(__always)
    func unpack(_ kind: MessageKind, in arena: Arena) -> UnsafeRawPointer? {
        unsafe UnsafeRawPointer(thimble_scanner_unpack(pointer, UInt32(kind.rawValue), arena.pointer))
    }

    /// Number and place of the child at `index` of the list that all messages share.
    @inline(__always)
    func child(_ index: Int) -> (number: Int, range: Range<Int>) {
        let child = unsafe thimble_scanner_child(pointer, index)
        let start = Int(child.start)
        return (Int(child.number), start..<start + Int(child.count))
    }

    /// How many of `children` are field `number`.
    func count(_ children: Range<Int>, of number: Int) -> Int {
        unsafe thimble_scanner_count_children(pointer, children.lowerBound, children.count, UInt32(number))
    }

    var childCount: Int { unsafe thimble_scanner_child_count(pointer) }

    /// Shortens the list again: the children of a message that was read are of no more use.
    @inline(__always)
    func forgetChildren(from index: Int) {
        unsafe thimble_scanner_forget_children(pointer, index)
    }

    /// Copies bytes of the file, in the way that messages are read.
    func read(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.count && range.count == target.count, "bytes outside the file")
        guard let base = target.baseAddress, unsafe !thimble_scanner_read(pointer, range.lowerBound, range.count, base) else { return }
        try unsafe file.read(at: range.lowerBound, into: target)  // has the words for what is wrong
    }
}
