internal import Tensors

/// Where an object of a FlatBuffer starts: its distance from the end of the buffer, which does not change while the front grows.
struct FlatOffset: Hashable {
    fileprivate let distance: UInt32
}

/// The value of one slot of a table.
enum FlatValue: Hashable {
    case byte(UInt8)
    case short(UInt16)
    case word(UInt32)
    case long(UInt64)
    case object(FlatOffset)
    /// A struct that is held in the table itself and aligned to 8, as its 8-byte words.
    case structure([UInt64])

    /// Bytes in the table.
    fileprivate var size: Int {
        switch self {
        case .byte: 1
        case .short: 2
        case .word, .object: 4
        case .long: 8
        case .structure(let words): words.count * 8
        }
    }
}

/// The slots of a table to be; a slot is in the table exactly if it was set.
struct FlatFields: Hashable {
    fileprivate var values: [(slot: Int, value: FlatValue)] = []

    /// Nil leaves the slot out.
    mutating func set(_ slot: Int, _ value: FlatValue?) {
        if let value { values.append((slot, value)) }
    }

    mutating func set(_ slot: Int, _ offset: FlatOffset?) {
        if let offset { values.append((slot, .object(offset))) }
    }

    static func == (a: FlatFields, b: FlatFields) -> Bool {
        a.values.elementsEqual(b.values) { $0 == $1 }
    }

    func hash(into hasher: inout Hasher) {
        for (slot, value) in values {
            hasher.combine(slot)
            hasher.combine(value)
        }
    }
}

/// Makes one FlatBuffer, children before parents. Equal strings, scalar vectors and vtables are stored once.
///
/// A FlatBuffer grows towards its front. The bytes are kept in reverse here, so that it grows at the end of an array; they
/// are turned round once, by `finish`.
struct FlatBufferBuilder {
    private struct VectorKey: Hashable {
        let stride: Int
        let alignment: Int
        let bytes: [UInt8]
    }

    private var reversed: [UInt8] = []
    private var vtables: [[UInt16]: Int] = [:]
    private(set) var texts = NameTable()
    /// By number in `texts`; nil for those that are not in the buffer.
    private var strings: [FlatOffset?] = []
    private var vectors: [VectorKey: FlatOffset] = [:]
    private var tables: [FlatFields: FlatOffset] = [:]
    /// What the whole may not pass.
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Bytes so far.
    var count: Int { reversed.count }

    // MARK: strings and vectors

    mutating func string(_ text: Name) throws -> FlatOffset {
        try string(number(of: text))
    }

    /// What `texts` calls `text`; puts nothing into the buffer.
    mutating func number(of text: Name) -> Int {
        let number = texts.number(of: text)
        if number == strings.count { strings.append(nil) }
        return number
    }

    /// The string of that number.
    mutating func string(_ number: Int) throws -> FlatOffset {
        if let known = strings[number] { return known }
        let text = texts.names[number]
        try prepare(text.byteCount + 1, alignment: 4)
        reversed.append(0)
        unsafe text.withBytes { unsafe reversed.append(contentsOf: $0.reversed()) }
        put(UInt32(text.byteCount))
        let offset = here
        strings[number] = offset
        return offset
    }

    mutating func string(_ text: Name?) throws -> FlatOffset? {
        try text.map { try string($0) }
    }

    /// A vector of scalars or structs that take `stride` bytes each, given as their little-endian bytes.
    mutating func vector(_ bytes: [UInt8], stride: Int, alignment: Int) throws -> FlatOffset {
        let key = VectorKey(stride: stride, alignment: alignment, bytes: bytes)
        if let known = vectors[key] { return known }
        try prepare(bytes.count, alignment: 4)
        while (reversed.count + bytes.count) % alignment != 0 { reversed.append(0) }
        reversed.append(contentsOf: bytes.reversed())
        put(UInt32(bytes.count / stride))
        let offset = here
        vectors[key] = offset
        return offset
    }

    /// A vector of string ids. Not looked up among the others: hardly two lists of names are equal.
    mutating func vector(ids: [UInt32]) throws -> FlatOffset {
        try prepare(ids.count * 4, alignment: 4)
        for id in ids.reversed() { put(id) }
        put(UInt32(ids.count))
        return here
    }

    mutating func vector(_ bytes: [UInt8]) throws -> FlatOffset {
        try vector(bytes, stride: 1, alignment: 1)
    }

    mutating func vector<T: FixedWidthInteger>(_ values: [T]) throws -> FlatOffset {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * MemoryLayout<T>.size)
        for value in values { bytes.appendLittleEndian(value) }
        return try vector(bytes, stride: MemoryLayout<T>.size, alignment: MemoryLayout<T>.size)
    }

    /// A vector of tables or strings. Never shared.
    mutating func vector(_ objects: [FlatOffset]) throws -> FlatOffset {
        try prepare(objects.count * 4, alignment: 4)
        for object in objects.reversed() { put(UInt32(reversed.count + 4) - object.distance) }
        put(UInt32(objects.count))
        return here
    }

    // MARK: tables

    /// A table. With `sharing`, one that was made of equal fields is given again.
    mutating func table(_ fields: FlatFields, sharing: Bool = false) throws -> FlatOffset {
        if sharing, let known = tables[fields] { return known }
        try prepare(32 + fields.values.count * 16, alignment: 1)
        let end = reversed.count
        var slots: [UInt16] = []
        var starts: [(slot: Int, distance: Int)] = []
        // Large fields first, so that only the first one and the table's start can need padding.
        for size in [24, 16, 8, 4, 2, 1] {
            for (slot, value) in fields.values where value.size == size {
                put(value)
                starts.append((slot, reversed.count))
            }
        }
        while reversed.count % 4 != 0 { reversed.append(0) }
        let start = reversed.count + 4
        for (slot, distance) in starts {
            while slots.count <= slot { slots.append(0) }
            slots[slot] = UInt16(start - distance)
        }
        let vtable = [UInt16(4 + slots.count * 2), UInt16(start - end)] + slots
        let known = vtables[vtable]
        let vtableStart = known ?? start + vtable.count * 2
        put(UInt32(bitPattern: Int32(vtableStart - start)))
        let offset = here
        if known == nil {
            for entry in vtable.reversed() { put(entry) }
            vtables[vtable] = vtableStart
        }
        if sharing { tables[fields] = offset }
        return offset
    }

    private mutating func put(_ value: FlatValue) {
        switch value {
        case .byte(let value): put(value)
        case .short(let value): put(value)
        case .word(let value): put(value)
        case .long(let value): put(value)
        case .object(let offset):
            while reversed.count % 4 != 0 { reversed.append(0) }
            put(UInt32(reversed.count + 4) - offset.distance)
        case .structure(let words):
            for word in words.reversed() { put(word) }
        }
    }

    // MARK: bytes

    /// The whole buffer, its length a multiple of 8.
    consuming func finish(root: FlatOffset, identifier: String) throws -> [UInt8] {
        try prepare(16, alignment: 1)
        while (reversed.count + 8) % 8 != 0 { reversed.append(0) }
        reversed.append(contentsOf: identifier.utf8.reversed())
        put(UInt32(reversed.count + 4) - root.distance)
        reversed.reverse()
        return reversed
    }

    private var here: FlatOffset { FlatOffset(distance: UInt32(reversed.count)) }

    /// Makes sure that `count` more bytes stay below the limit, and that an object of that size would start aligned.
    private mutating func prepare(_ count: Int, alignment: Int) throws {
        guard reversed.count + count + 64 <= limit else {
            throw ModelError(
                .limit, "the metadata of this model takes more than \(printable(bytes: limit)), the most that a .thimble file is read with")
        }
        while (reversed.count + count) % alignment != 0 { reversed.append(0) }
    }

    /// Aligned to its own size.
    private mutating func put<T: FixedWidthInteger>(_ value: T) {
        while reversed.count % MemoryLayout<T>.size != 0 { reversed.append(0) }
        for shift in stride(from: MemoryLayout<T>.size * 8 - 8, through: 0, by: -8) {
            reversed.append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }
}

extension [UInt8] {
    /// Appends `value` as the format stores it.
    mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        for shift in stride(from: 0, to: MemoryLayout<T>.size * 8, by: 8) { append(UInt8(truncatingIfNeeded: value >> T(shift))) }
    }
}
