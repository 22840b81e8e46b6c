internal import COnnx
internal import ModelGraph
internal import Tensors

/// Turns the messages of one file into a `Model`, one message at a time: scan, unpack by protobuf-c, take over into Swift
/// values, then the messages inside. What each kind of message becomes is in the files beside this one.
@safe
final class Decoder {
    /// A file with more messages than that is no model, and its values would fill the memory.
    static let messageLimit = 1 << 24
    /// Graphs inside attributes of nodes of graphs … (the main graph is 1).
    static let graphDepthLimit = 64
    /// Sequences of optionals of sequences …
    static let typeDepthLimit = 32

    let file: MappedFile
    let bytes: WireBytes
    let options: OnnxFile.ReadOptions
    private var usedExternalData: ExternalData?
    let arena: Arena
    let smallValues: SmallValues
    /// The fields of the file itself are sound and there is a graph among them.
    var isModel = false
    var irVersion: Int64?
    let scanner: MessageScanner
    private var careful: PayloadScanner
    private var messages = 0
    private(set) var memory: DecodingMemory
    private(set) var warnings: [Finding] = []
    private var unlistedWarnings = 0

    init(_ file: MappedFile, options: OnnxFile.ReadOptions, access: MessageScanner.Access? = nil) throws {
        self.file = file
        bytes = WireBytes(file)
        scanner = try MessageScanner(file, access: access)
        smallValues = SmallValues(scanner)
        careful = PayloadScanner(file)
        memory = DecodingMemory(fileSize: file.count)
        arena = try Arena()
        self.options = options
    }

    /// Made when a tensor first asks for it: most models have none.
    var externalData: ExternalData {
        if let usedExternalData { return usedExternalData }
        let made = ExternalData(modelPath: file.path, followLinks: options.followLinks)
        usedExternalData = made
        return made
    }

    var dataFiles: [MappedFile] { usedExternalData?.files ?? [] }

    /// The message's own scalar fields as protobuf-c's struct, valid until the next call, and what the scan found beside them.
    func message<M>(_ kind: MessageKind, _ body: Body, as type: M.Type) throws -> (message: M, scan: ScannedMessage) {
        messages += 1
        guard messages <= Self.messageLimit else {
            throw ModelError(.limit, "more than \(Self.messageLimit) messages", at: ["byte \(body.first.lowerBound)", kind.name])
        }
        if let (scan, textBytes) = scanner.scan(kind, body) {
            messages += scan.decodedWithin
            try makeRoom(kind, scan, textBytes: textBytes, body)
            guard let unpacked = unsafe scanner.unpack(kind, in: arena) else { throw memory.exhausted(kind).at("byte \(body.first.lowerBound)") }
            return unsafe (unpacked.load(as: type), scan)
        }
        return try carefully(kind, body, as: type)
    }

    @inline(never)
    private func carefully<M>(_ kind: MessageKind, _ body: Body, as type: M.Type) throws -> (message: M, scan: ScannedMessage) {
        let scan = try careful.scan(kind, body)
        try makeRoom(kind, scan, textBytes: careful.copy.count, body)
        let unpacked = unsafe careful.copy.withUnsafeBufferPointer { copy in
            unsafe protobuf_c_message_unpack(
                thimble_message_descriptor(UInt32(kind.rawValue)), arena.allocator, copy.count, copy.baseAddress)
        }
        guard let unpacked = unsafe unpacked else {
            throw memory.exhausted(kind).at("byte \(body.first.lowerBound)")
        }
        return unsafe (UnsafeRawPointer(unpacked).load(as: type), scan)
    }

    private func makeRoom(_ kind: MessageKind, _ scan: ScannedMessage, textBytes: Int, _ body: Body) throws {
        try within("byte \(body.first.lowerBound)") { try memory.take(kind, scan, textBytes: textBytes) }
        // Structs and protobuf-c's own notes take at most 32 bytes for each field, of which the shortest has 2. A message
        // inside may have no field at all.
        arena.reset(limit: min(1 << 20 + 48 * textBytes + 512 * scan.decodedWithin, memory.left))
    }

    /// What protobuf-c calls the message that it decodes as `kind`.
    static func descriptorName(of kind: MessageKind) -> String? {
        unsafe thimble_message_descriptor(UInt32(kind.rawValue)).map { unsafe String(cString: $0.pointee.name) }
    }

    /// Calls `visit` for each message inside, in the file's order; `scan` is what `message` gave for the same body.
    func children(_ kind: MessageKind, _ body: Body, _ scan: ScannedMessage, _ visit: (Int, Range<Int>) throws -> Void) throws {
        guard let listed = scan.children else { return try searchChildren(kind, body, visit) }
        for index in listed {
            let child = scanner.child(index)
            try visit(child.number, child.range)
            scanner.forgetChildren(from: listed.upperBound)
        }
    }

    @inline(never)
    private func searchChildren(_ kind: MessageKind, _ body: Body, _ visit: (Int, Range<Int>) throws -> Void) throws {
        let listed = scanner.childCount
        var cursor = FieldCursor(bytes, kind, body)
        while let field = try cursor.next() {
            guard case .message = field.rule?.content else { continue }
            try visit(field.number, field.value)
            scanner.forgetChildren(from: listed)
        }
    }
}

// MARK: - places and warnings

extension Decoder {
    private static let warningLimit = 1000

    func warn(_ message: String) {
        if warnings.count < Self.warningLimit {
            warnings.append(Finding(.warning, at: [], message))
        } else {
            unlistedWarnings += 1
        }
    }

    /// Warnings and errors of `body` get `place` put in front.
    func placed<R>(_ place: @autoclosure () -> String, _ body: () throws -> R) throws -> R {
        let before = warnings.count
        let result = try within(place(), body)
        if warnings.count > before { self.place(place(), from: before) }
        return result
    }

    /// Warnings from number `first` on get `place` put in front.
    func place(_ place: String, from first: Int) {
        for index in first..<warnings.count { warnings[index].place.insert(place, at: 0) }
    }

    /// All warnings, and how many more there were.
    func finishedWarnings() -> [Finding] {
        guard unlistedWarnings > 0 else { return warnings }
        return warnings + [Finding(.warning, at: [], "\(unlistedWarnings) more warnings of this kind are not listed")]
    }
}

// MARK: - protobuf-c's values

extension Decoder {
    func name(_ isSet: protobuf_c_boolean, _ data: ProtobufCBinaryData) throws -> Name? {
        isSet == 0 ? nil : try unsafe name(data)
    }

    func name(_ data: ProtobufCBinaryData) throws -> Name {
        guard let name = unsafe Name(utf8: UnsafeRawBufferPointer(start: data.data, count: data.len)) else {
            throw changed()  // the scan saw UTF-8
        }
        return name
    }

    /// What is read twice from a mapped file may have become something else in between.
    func changed() -> ModelError {
        ModelError(.io, "changed while it was read; run again when nothing writes to it")
    }

    func names(_ count: Int, _ list: UnsafeMutablePointer<ProtobufCBinaryData>?) throws -> [Name] {
        try unsafe UnsafeBufferPointer(start: list, count: count).map { try unsafe name($0) }
    }

    func array(_ data: ProtobufCBinaryData) -> [UInt8] {
        unsafe Array(UnsafeBufferPointer(start: data.data, count: data.len))
    }

    func array<T>(_ count: Int, _ list: UnsafeMutablePointer<T>?) -> [T] {
        unsafe Array(UnsafeBufferPointer(start: list, count: count))
    }
}
