internal import ModelGraph
internal import Tensors

/// Turns metadata that nobody vouches for into plain values. Each table is read once; those that may be shared are read once and
/// their value is given out again, so that neither time nor memory grows beyond the metadata (see `ReadBudget`).
final class MetadataReader {
    /// Where the values of tensors come from.
    struct Values {
        /// The tensor of a payload id, without a name.
        let tensor: (Int) throws -> Tensor
        /// False for a listing: long attributes then come out empty.
        let areThere: Bool
    }

    /// A type that was read.
    struct SharedType {
        let value: ValueType
        /// What it adds to the model's size.
        let cost: Int
        /// Tables from here to the innermost, both counted.
        let height: Int
    }

    private let owner: FlatBuffer
    /// Kept alive by `owner`.
    let buffer: FlatBytes
    var budget: ReadBudget
    private(set) var requires: [Name] = []
    private(set) var strings: [Name] = []
    private(set) var operators: [(type: Name?, domain: Name?, overload: Name?)] = []
    private(set) var tables = PayloadTables()
    private(set) var writer: Name?
    private(set) var extra: [KeyValue] = []

    // State of the walk.
    var values: Values
    var users: PayloadUsers

    // What may be shared, by position.
    private var visited: [UInt64]
    private static let shortText = 64
    private var texts: [Int: Name] = [:]
    private var byteLists: [Int: [UInt8]] = [:]
    private var integerLists: [Int: [Int64]] = [:]
    private var nameLists: [Int: [Name]] = [:]
    private var entryTables: [Int: KeyValue] = [:]
    var typeTables: [Int: SharedType] = [:]
    var bytesTables: [Int: [UInt8]] = [:]
    var attributeTables: [Int: (value: Attribute, cost: Int)] = [:]
    var bigValues: [Int: (value: AttributeValue, cost: Int)] = [:]

    /// Reads all but the models.
    init(_ whole: FlatBuffer, budget: ReadBudget, namingUsers: Bool = true) throws {
        users = PayloadUsers(isWanted: namingUsers)
        owner = whole
        buffer = whole.bytes
        self.budget = budget
        values = Values(tensor: { _ in throw ModelError(.internalFault, "values were asked for before there were any") }, areThere: false)
        visited = [UInt64](repeating: 0, count: buffer.count / 256 + 1)
        let root = try buffer.root(identifier: MetadataLimit.identifier)
        requires = try texts(root, Slot.Root.requires)
        strings = try texts(root, Slot.Root.strings)
        guard strings.first?.isEmpty == true else {
            throw ModelError(.damagedFile, "the first of the metadata's `strings` must be there and empty")
        }
        operators = try list(root, Slot.Root.ops) { op in
            (try text(op, Slot.Op.type), try text(op, Slot.Op.domain), try text(op, Slot.Op.overload))
        }
        var id = 0
        tables.payloads = try list(root, Slot.Root.payloads) { payload in
            defer { id += 1 }
            return try buffer.payload(payload, id: id)
        }
        tables.segments = try buffer.segments(root)
        tables.chunks = try buffer.chunks(root)
        try self.budget.take(tables.segments.count * MemoryLayout<SegmentRecord>.stride + tables.chunks.count * MemoryLayout<ChunkRecord>.stride)
        writer = try text(root, Slot.Root.writer)
        extra = try entries(root, Slot.Root.extra)
        try Requirements.check(requires, against: tables)
    }

    /// The models, with tensors as `values` gives them. Call once.
    func entries(_ values: Values) throws -> [ThimbleFile.Entry] {
        self.values = values
        let root = try buffer.root(identifier: MetadataLimit.identifier)
        let entries = try list(root, Slot.Root.models) { try entry($0) }
        guard !entries.isEmpty else { throw ModelError(.damagedFile, "the metadata holds no model, at least one is needed") }
        guard entries.count > 1 else { return entries }
        var keys = Set<Name>()
        for entry in entries where !keys.insert(entry.key).inserted {
            throw ModelError(.damagedFile, "two models have the key '\(entry.key)'")
        }
        return entries
    }

    // MARK: once only

    /// Marks the object at `position` as read. Whatever is not one of the shareable kinds belongs to one place.
    func claim(_ position: Int) throws {
        // Tables and vectors start at multiples of 4; one bit each.
        let bit = position / 4
        guard visited[bit / 64] & 1 << UInt64(bit % 64) == 0 else {
            throw ModelError(
                .damagedFile,
                "the object at byte \(position) of the metadata is used twice; only strings, vectors of numbers, and tables of types, "
                    + "entries and attributes without tensors and graphs may be shared")
        }
        visited[bit / 64] |= 1 << UInt64(bit % 64)
    }

    // MARK: strings and numbers

    func text(_ table: FlatTable, _ slot: Int) throws -> Name? {
        try table.string(slot).map(text)
    }

    /// Short texts are copied for each use; longer ones are in memory once for each place of the metadata.
    func text(_ vector: FlatVector) throws -> Name {
        let isLong = vector.count > Self.shortText
        if isLong, let known = texts[vector.start] {
            try budget.share(vector.count)
            return known
        }
        guard let text = unsafe buffer.withBytes(vector.byteRange, { unsafe Name(utf8: $0) }) else {
            throw ModelError(.damagedFile, "the string at byte \(vector.start - 4) of the metadata is not UTF-8")
        }
        // Up to 15 bytes live in the value itself.
        if vector.count > 15 { try budget.take(vector.count + 64) }
        if isLong { texts[vector.start] = text }
        return text
    }

    func texts(_ table: FlatTable, _ slot: Int) throws -> [Name] {
        guard let vector = try table.objects(slot) else { return [] }
        try claim(vector.start - 4)
        try budget.take(vector.count * MemoryLayout<Name>.stride)
        return try (0..<vector.count).map { try text(buffer.string(vector, $0)) }
    }

    func bytes(_ table: FlatTable, _ slot: Int) throws -> [UInt8] {
        try table.vector(slot, stride: 1, alignment: 1).map(bytes) ?? []
    }

    func bytes(_ vector: FlatVector) throws -> [UInt8] {
        if let known = byteLists[vector.start] {
            try budget.share(vector.count)
            return known
        }
        try budget.take(vector.count + 64)
        let bytes = unsafe buffer.withBytes(vector.byteRange) { unsafe Array($0) }
        byteLists[vector.start] = bytes
        return bytes
    }

    func integers(_ table: FlatTable, _ slot: Int) throws -> [Int64]? {
        guard let vector = try table.vector(slot, stride: 8, alignment: 8) else { return nil }
        if let known = integerLists[vector.start] {
            try budget.share(vector.count * 8)
            return known
        }
        try budget.take(vector.count * 8 + 64)
        let list = try (0..<vector.count).map { try buffer.load(Int64.self, at: vector[$0], "a number") }
        integerLists[vector.start] = list
        return list
    }

    // MARK: names by id

    func name(_ id: Int) throws -> Name {
        guard id < strings.count else {
            throw ModelError(.damagedFile, "refers to string \(id), the metadata has \(strings.count)")
        }
        return strings[id]
    }

    func name(_ table: FlatTable, _ slot: Int) throws -> Name? {
        try table.integer(slot, UInt32.self).map { try name(Int($0)) }
    }

    func names(_ table: FlatTable, _ slot: Int) throws -> [Name] {
        guard let vector = try table.vector(slot, stride: 4, alignment: 4), vector.count > 0 else { return [] }
        let size = vector.count * MemoryLayout<Name>.stride
        let isLong = vector.count > 16
        if isLong, let known = nameLists[vector.start] {
            try budget.share(size)
            return known
        }
        try budget.take(size + 32)
        let list = try (0..<vector.count).map { try name(Int(buffer.load(UInt32.self, at: vector[$0], "a string id"))) }
        if isLong { nameLists[vector.start] = list }
        return list
    }

    // MARK: tables

    /// The tables of a vector, each belonging to this one place.
    func list<T>(_ table: FlatTable, _ slot: Int, _ read: (FlatTable) throws -> T) throws -> [T] {
        guard let vector = try table.objects(slot), vector.count > 0 else { return [] }
        try claim(vector.start - 4)
        try budget.take(vector.count * MemoryLayout<T>.stride + 32)
        var list: [T] = []
        list.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            let element = try buffer.table(vector, index)
            try claim(element.position)
            list.append(try read(element))
        }
        return list
    }

    /// The tables of a vector that may be used elsewhere too; `read` takes care of that.
    func sharedList<T>(_ table: FlatTable, _ slot: Int, _ read: (FlatTable) throws -> T) throws -> [T] {
        guard let vector = try table.objects(slot), vector.count > 0 else { return [] }
        try claim(vector.start - 4)
        try budget.take(vector.count * MemoryLayout<T>.stride + 32)
        return try (0..<vector.count).map { try read(buffer.table(vector, $0)) }
    }

    func entries(_ table: FlatTable, _ slot: Int) throws -> [KeyValue] {
        try sharedList(table, slot) { entry in
            if let known = entryTables[entry.position] {
                try budget.share((known.key?.byteCount ?? 0) + (known.value?.byteCount ?? 0) + known.unknownFields.count)
                return known
            }
            let value = KeyValue(
                key: try text(entry, Slot.KeyValue.key), value: try text(entry, Slot.KeyValue.value),
                unknownFields: try bytes(entry, Slot.KeyValue.unknown))
            entryTables[entry.position] = value
            try budget.take(2 * MemoryLayout<KeyValue>.stride)
            return value
        }
    }
}
