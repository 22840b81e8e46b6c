internal import Tensors

/// Checked access to a FlatBuffer that nobody vouches for. Checking and reading are one step: nothing is given out that was not
/// found to lie inside the buffer, aligned, at the moment it is read; so there is no second code path to disagree with the first.
///
/// Positions are byte indices. Sums cannot overflow: a buffer has less than 2^31 bytes, an offset less than 2^32, an `Int` 64 bits.
/// Does not keep the bytes alive: `FlatBuffer` does, for as long as tables are read.
@safe
struct FlatBytes: @unchecked Sendable {
    private let base: UnsafeRawPointer
    let count: Int

    /// Throws unless there are 16 to 2^31 - 1 bytes, which must stay where they are.
    fileprivate init(_ bytes: UnsafeRawBufferPointer) throws {
        guard let base = bytes.baseAddress, bytes.count >= 16, bytes.count <= Int(Int32.max) else {
            throw ModelError(.damagedFile, "the metadata has \(bytes.count) bytes, at least 16 and less than 2^31 are needed")
        }
        unsafe self.base = base
        count = bytes.count
    }

    /// The table that the buffer is about; `identifier` are the four letters after the first offset.
    func root(identifier: String) throws -> FlatTable {
        for (index, letter) in identifier.utf8.enumerated() {
            guard try load(UInt8.self, at: 4 + index, "the file identifier") == letter else {
                throw ModelError(.damagedFile, "the metadata does not have the identifier '\(identifier)' at its bytes 4 to 7")
            }
        }
        return try FlatTable(self, at: target(0, "the root table"))
    }

    /// One little-endian number.
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at position: Int, _ what: @autoclosure () -> String) throws -> T {
        try check(position, count: MemoryLayout<T>.size, alignment: MemoryLayout<T>.size, what())
        return unsafe T(littleEndian: base.load(fromByteOffset: position, as: T.self))
    }

    /// Where the offset at `position` leads: forwards, inside the buffer.
    func target(_ position: Int, _ what: @autoclosure () -> String) throws -> Int {
        let offset = Int(try load(UInt32.self, at: position, what()))
        guard offset > 0, offset < count - position else {
            throw damaged("\(what()) is said to start \(offset) bytes after byte \(position), the metadata has \(count) bytes")
        }
        return position + offset
    }

    /// The bytes of `range`, which was checked by the caller.
    func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside the metadata")
        return try unsafe body(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    fileprivate func check(_ position: Int, count length: Int, alignment: Int, _ what: @autoclosure () -> String) throws {
        guard position >= 0, length <= count, position <= count - length else {
            throw damaged("\(what()) needs bytes \(position) to \(position + length), the metadata has \(count) bytes")
        }
        guard position % alignment == 0 else {
            throw damaged("\(what()) lies at byte \(position), which is not a multiple of \(alignment)")
        }
    }

    fileprivate func damaged(_ message: String) -> ModelError {
        ModelError(.damagedFile, message)
    }
}

/// The bytes and what keeps them alive. Tables are small and have only the bytes: there are thousands of them.
struct FlatBuffer: Sendable {
    let bytes: FlatBytes
    private let owner: any Sendable

    /// `bytes` stay valid as long as `owner`; throws unless there are 16 to 2^31 - 1 of them.
    init(_ bytes: UnsafeRawBufferPointer, owner: any Sendable) throws {
        self.bytes = try unsafe FlatBytes(bytes)
        self.owner = owner
    }
}

/// A vector inside a FlatBuffer: `count` elements of `stride` bytes from `start`, all inside the buffer.
struct FlatVector {
    let start: Int
    let count: Int
    let stride: Int

    var byteRange: Range<Int> { start..<start + count * stride }
    /// Where element `index` lies, which must be below `count`.
    subscript(index: Int) -> Int { start + index * stride }
}

/// A table of a FlatBuffer; its vtable was checked, its fields are when they are read.
struct FlatTable {
    let buffer: FlatBytes
    let position: Int
    private let vtable: Int
    private let slotCount: Int
    private let size: Int

    init(_ buffer: FlatBytes, at position: Int) throws {
        let back = Int(try buffer.load(Int32.self, at: position, "a table"))
        let vtable = position - back
        let vtableSize = Int(try buffer.load(UInt16.self, at: vtable, "the vtable of the table at byte \(position)"))
        guard vtableSize >= 4, vtableSize % 2 == 0 else {
            throw buffer.damaged("the vtable at byte \(vtable) says that it has \(vtableSize) bytes, at least 4 and an even number are needed")
        }
        try buffer.check(vtable, count: vtableSize, alignment: 2, "the vtable at byte \(vtable)")
        let size = Int(try buffer.load(UInt16.self, at: vtable + 2, "the vtable at byte \(vtable)"))
        guard size >= 4 else { throw buffer.damaged("the table at byte \(position) says that it has \(size) bytes, at least 4 are needed") }
        try buffer.check(position, count: size, alignment: 4, "the table at byte \(position)")
        self.buffer = buffer
        self.position = position
        self.vtable = vtable
        self.size = size
        slotCount = (vtableSize - 4) / 2
    }

    /// Where the field of `slot` lies, or nil if the table does not have it.
    func field(_ slot: Int, size fieldSize: Int) throws -> Int? {
        guard slot < slotCount else { return nil }
        let offset = Int(try buffer.load(UInt16.self, at: vtable + 4 + slot * 2, "a vtable"))
        guard offset != 0 else { return nil }
        guard offset >= 4, offset + fieldSize <= size else {
            throw buffer.damaged("field \(slot) of the table at byte \(position) is said to lie at its bytes \(offset) to \(offset + fieldSize), it has \(size)")
        }
        return position + offset
    }

    // MARK: scalars

    func integer<T: FixedWidthInteger & BitwiseCopyable>(_ slot: Int, _ type: T.Type) throws -> T? {
        guard let at = try field(slot, size: MemoryLayout<T>.size) else { return nil }
        return try buffer.load(T.self, at: at, "field \(slot) of the table at byte \(position)")
    }

    func bool(_ slot: Int) throws -> Bool? {
        guard let value = try integer(slot, UInt8.self) else { return nil }
        guard value <= 1 else { throw buffer.damaged("field \(slot) of the table at byte \(position) is \(value), 0 or 1 is needed") }
        return value == 1
    }

    // MARK: offsets

    private func target(_ slot: Int) throws -> Int? {
        guard let at = try field(slot, size: 4) else { return nil }
        return try buffer.target(at, "field \(slot) of the table at byte \(position)")
    }

    func table(_ slot: Int) throws -> FlatTable? {
        guard let at = try target(slot) else { return nil }
        return try FlatTable(buffer, at: at)
    }

    /// The bytes of a string, without the NUL behind them.
    func string(_ slot: Int) throws -> FlatVector? {
        guard let at = try target(slot) else { return nil }
        return try buffer.string(at: at)
    }

    func vector(_ slot: Int, stride: Int, alignment: Int) throws -> FlatVector? {
        guard let at = try target(slot) else { return nil }
        return try buffer.vector(at: at, stride: stride, alignment: alignment)
    }

    /// A vector whose elements are offsets of tables or strings.
    func objects(_ slot: Int) throws -> FlatVector? {
        try vector(slot, stride: 4, alignment: 4)
    }
}

extension FlatBytes {
    func vector(at position: Int, stride: Int, alignment: Int) throws -> FlatVector {
        let length = Int(try load(UInt32.self, at: position, "the length of a vector"))
        try check(position + 4, count: length * stride, alignment: alignment, "the vector of \(length) elements at byte \(position)")
        return FlatVector(start: position + 4, count: length, stride: stride)
    }

    func string(at position: Int) throws -> FlatVector {
        let text = try vector(at: position, stride: 1, alignment: 1)
        guard try load(UInt8.self, at: text.start + text.count, "the end of the string at byte \(position)") == 0 else {
            throw damaged("the string at byte \(position) has no zero byte after its \(text.count) bytes")
        }
        return text
    }

    /// The table that element `index` of a vector of offsets leads to.
    func table(_ vector: FlatVector, _ index: Int) throws -> FlatTable {
        try FlatTable(self, at: target(vector[index], "element \(index) of the vector at byte \(vector.start - 4)"))
    }

    func string(_ vector: FlatVector, _ index: Int) throws -> FlatVector {
        try string(at: target(vector[index], "element \(index) of the vector at byte \(vector.start - 4)"))
    }
}
