internal import COnnx
internal import ModelGraph
internal import Tensors

/// Makes protobuf-c's structs from Swift values, in an arena. What each kind of message is made of is in the files beside this one.
@safe
struct MessageBuilder {
    let arena: Arena
    let writer: ModelWriter
    /// How many graphs the message lies in.
    let depth: Int

    init(_ arena: Arena, _ writer: ModelWriter, depth: Int) {
        self.arena = arena
        self.writer = writer
        self.depth = depth
    }

    /// A list of one.
    func one<T: BitwiseCopyable>(_ value: T) throws -> UnsafeMutablePointer<T>? {
        try unsafe array([value])
    }

    func array<T: BitwiseCopyable>(_ values: [T]) throws -> UnsafeMutablePointer<T>? {
        guard !values.isEmpty else { return nil }
        let room = try unsafe arena.allocate(T.self, values.count)
        _ = unsafe room.initialize(fromContentsOf: values)
        return room.baseAddress
    }

    /// The messages that `build` makes, as protobuf-c lists them.
    func list<V, M>(_ values: [V], _ build: (V) throws -> UnsafeMutablePointer<M>) throws -> UnsafeMutablePointer<UnsafeMutablePointer<M>?>? {
        guard !values.isEmpty else { return nil }
        let room = try unsafe arena.allocate(UnsafeMutablePointer<M>?.self, values.count)
        for (index, value) in values.enumerated() { unsafe room[index] = try build(value) }
        return room.baseAddress
    }

    func data(_ bytes: UnsafeRawBufferPointer) throws -> ProtobufCBinaryData {
        guard unsafe !bytes.isEmpty else { return unsafe ProtobufCBinaryData(len: 0, data: nil) }
        let room = try unsafe arena.allocate(UInt8.self, bytes.count)
        _ = unsafe room.initialize(fromContentsOf: bytes)
        return unsafe ProtobufCBinaryData(len: bytes.count, data: room.baseAddress)
    }

    func data(_ bytes: [UInt8]) throws -> ProtobufCBinaryData {
        try unsafe bytes.withUnsafeBytes { try unsafe data($0) }
    }

    func data(_ name: Name) throws -> ProtobufCBinaryData {
        try unsafe name.withBytes { try unsafe data(UnsafeRawBufferPointer($0)) }
    }

    /// As a pair of `has_x` and `x`.
    func data(_ name: Name?) throws -> (protobuf_c_boolean, ProtobufCBinaryData) {
        guard let name else { return unsafe (0, ProtobufCBinaryData(len: 0, data: nil)) }
        return unsafe (1, try data(name))
    }

    func names(_ names: [Name]) throws -> (Int, UnsafeMutablePointer<ProtobufCBinaryData>?) {
        unsafe (names.count, try array(names.map { try unsafe data($0) }))
    }

    /// `bytes` as the unknown fields of a message: whole fields, packed after the known ones. Throws if they are not, or if
    /// `kind` knows one of them: it would then mean something.
    func unknown(_ bytes: [UInt8], of kind: MessageKind, allowKnown: Bool = false, in base: inout ProtobufCMessage) throws {
        guard !bytes.isEmpty else { return }
        let first = try unsafe bytes.withUnsafeBytes { try unsafe check(WireBytes($0), kind, allowKnown: allowKnown) }
        // One entry is enough: its key, then everything after that key as it is.
        let entry = try unsafe arena.allocate(ProtobufCMessageUnknownField.self, 1)
        let rest = try unsafe data(Array(bytes[first.keyLength...]))
        unsafe entry[0] = ProtobufCMessageUnknownField(
            tag: UInt32(first.number), wire_type: ProtobufCWireType(rawValue: UInt32(first.wireType)), len: rest.len, data: rest.data)
        unsafe base.n_unknown_fields = 1
        unsafe base.unknown_fields = entry.baseAddress
    }

    private func check(_ bytes: WireBytes, _ kind: MessageKind, allowKnown: Bool) throws -> (number: Int, wireType: UInt8, keyLength: Int) {
        var first: WireField?
        var cursor = FieldCursor(bytes, kind, Body(0..<bytes.count))
        while let field = try within("unknownFields", { try cursor.next() }) {
            guard field.rule == nil || allowKnown else {
                throw ModelError(.badArgument, "unknownFields of \(kind.name) hold \(kind.fieldName(field.number)), which is known")
            }
            first = first ?? field
        }
        guard let first, case .value(_, let next) = Varint.read(bytes, 0..<bytes.count) else {
            throw ModelError(.internalFault, "unknown fields without a field")
        }
        return (first.number, first.wireType, next)
    }
}
