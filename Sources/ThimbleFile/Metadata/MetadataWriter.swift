internal import ModelGraph
internal import Tensors

/// Turns a model into metadata, and hands its values to the payload writer on the way: depth-first, fields in the order of
/// their numbers, vectors in order. Ids of strings, operators and payloads follow first use, so equal models give equal bytes.
final class MetadataWriter {
    var builder = FlatBufferBuilder(limit: MetadataLimit.bytes)
    let payloads: PayloadWriter
    private(set) var tally = ValueTally()
    /// Value names, as numbers of the builder's texts; the index is the string id.
    private var names: [Int] = []
    /// String ids by number of the builder's texts.
    private var nameIDs: [UInt32?] = []
    private var operators: [Operator] = []
    private var operatorIDs: [Operator: UInt32] = [:]
    private var models: [FlatOffset] = []

    private struct Operator: Hashable {
        let type: Name?
        let domain: Name?
        let overload: Name?
    }

    init(_ payloads: PayloadWriter) {
        self.payloads = payloads
        _ = id("" as Name)
    }

    // MARK: ids

    /// The id of a value name.
    func id(_ name: Name) -> UInt32 {
        let number = builder.number(of: name)
        while nameIDs.count <= number { nameIDs.append(nil) }
        if let known = nameIDs[number] { return known }
        let id = UInt32(names.count)
        names.append(number)
        nameIDs[number] = id
        return id
    }

    func id(_ name: Name?) -> FlatValue? {
        name.map { .word(id($0)) }
    }

    func id(operatorOf node: Node) -> UInt32 {
        let key = Operator(type: node.opType, domain: node.domain, overload: node.overload)
        if let known = operatorIDs[key] { return known }
        let id = UInt32(operators.count)
        operators.append(key)
        operatorIDs[key] = id
        return id
    }

    func payload(of tensor: Tensor) throws -> UInt32 {
        let id = try payloads.add(tensor)
        tally.add(tensor, payload: id)
        return UInt32(id)
    }

    // MARK: pieces that many tables have

    func names(_ list: [Name]) throws -> FlatOffset? {
        list.isEmpty ? nil : try builder.vector(ids: list.map { id($0) })
    }

    func bytes(_ bytes: [UInt8]) throws -> FlatOffset? {
        bytes.isEmpty ? nil : try builder.vector(bytes)
    }

    func list<T>(_ values: [T], _ write: (T) throws -> FlatOffset) throws -> FlatOffset? {
        values.isEmpty ? nil : try builder.vector(values.map(write))
    }

    func entries(_ entries: [KeyValue]) throws -> FlatOffset? {
        try list(entries) { entry in
            var fields = FlatFields()
            fields.set(Slot.KeyValue.key, try builder.string(entry.key))
            fields.set(Slot.KeyValue.value, try builder.string(entry.value))
            fields.set(Slot.KeyValue.unknown, try bytes(entry.unknownFields))
            return try builder.table(fields, sharing: true)
        }
    }

    // MARK: the whole

    func add(_ model: Model, key: Name, source: ThimbleFile.Source?) throws {
        models.append(try self.model(model, key: key, source: source))
    }

    /// The FlatBuffer. The payload writer must have finished with `tables`.
    func finish(tables: PayloadTables, extra: [KeyValue]) throws -> [UInt8] {
        var root = FlatFields()
        root.set(Slot.Root.requires, try builder.vector(Requirements.names(of: tables).map { try builder.string($0) }))
        root.set(Slot.Root.strings, try builder.vector(names.map { try builder.string($0) }))
        root.set(
            Slot.Root.ops,
            try list(operators) { op in
                var fields = FlatFields()
                fields.set(Slot.Op.type, try builder.string(op.type))
                fields.set(Slot.Op.domain, try builder.string(op.domain))
                fields.set(Slot.Op.overload, try builder.string(op.overload))
                return try builder.table(fields)
            })
        root.set(Slot.Root.models, try builder.vector(models))
        root.set(Slot.Root.payloads, try list(tables.payloads) { try builder.payload($0) })
        root.set(Slot.Root.segments, try builder.segments(tables.segments))
        root.set(Slot.Root.chunks, try builder.chunks(tables.chunks))
        root.set(Slot.Root.writer, try builder.string(Name("thimble \(ThimbleVersion.text)")))
        root.set(Slot.Root.extra, try entries(extra))
        let offset = try builder.table(root)
        return try builder.finish(root: offset, identifier: MetadataLimit.identifier)
    }
}
