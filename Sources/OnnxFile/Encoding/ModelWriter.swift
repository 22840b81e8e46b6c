internal import COnnx
internal import ModelGraph
internal import Tensors

/// Packs a model in ONNX's wire format: fields by ascending number, those that this version does not know at the end of their
/// message, as all protobuf libraries write.
///
/// protobuf-c gets one small message at a time (a node, an initializer, an input …), as a `GraphProto` with nothing else in it:
/// the packed pieces in order are the packed graph. Payloads and graphs inside attributes are addresses that nobody may read;
/// when protobuf-c hands such an address on, what it stands for is written instead. A length comes before its content, so all
/// is measured first and packed afterwards.
@safe
final class ModelWriter {
    /// Graphs inside attributes of nodes of graphs …, as deep as the reader allows.
    static let depthLimit = Decoder.graphDepthLimit

    /// What is measured as a whole, because its length is written before it.
    enum Part {
        case graph(Graph)
        case function(Function)
    }

    /// What an address stands for.
    private enum Stand {
        case payload(TensorBytes)
        case part(Part, index: Int, depth: Int)
    }

    /// The size of a part, and the numbers of the part and the tensor after all that it holds.
    private struct Measure {
        var byteCount = 0
        var nextPart = 0
        var firstTensor = 0
        var nextTensor = 0
    }

    private static let addressCount = 1 << 24
    private let addresses: UnsafeMutableRawPointer
    /// Where small pieces are gathered: not on the stack, because packing nests.
    private let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4096)
    private var stands: [Stand] = []
    private var arenas: [Arena] = []
    private var measures: [Measure] = []
    /// Nil while measuring.
    private var sink: (any ByteSink)?
    private var byteCount = 0
    private var nextPart = 0
    private var nextTensor = 0
    private var failure: (any Error)?
    private let dataFile: ExternalDataWriter?

    /// With `dataFile`, large tensors go there while the model is measured.
    init(dataFile: ExternalDataWriter? = nil) throws {
        guard let addresses = unsafe thimble_reserve_addresses(Self.addressCount) else {
            throw ModelError(.limit, "there is no room for \(Self.addressCount) addresses")
        }
        unsafe self.addresses = addresses
        self.dataFile = dataFile
    }

    deinit {
        unsafe thimble_release_addresses(addresses, Self.addressCount)
        unsafe room.deallocate()
    }

    /// The size of `model` in bytes. Must come before `pack`, with the same model.
    func measure(_ model: Model) throws -> Int {
        sink = nil
        (byteCount, nextPart, nextTensor) = (0, 0, 0)
        measures = []
        try emit(model)
        return byteCount
    }

    func pack(_ model: Model, into sink: any ByteSink) throws {
        self.sink = sink
        (byteCount, nextPart, nextTensor) = (0, 0, 0)
        try emit(model)
    }

    // MARK: - pieces

    /// Measures or packs one message.
    func piece<M>(depth: Int, _ build: (MessageBuilder) throws -> UnsafeMutablePointer<M>) throws {
        while arenas.count <= depth { arenas.append(try Arena()) }
        let arena = arenas[depth], mark = stands.count
        defer { stands.removeLast(stands.count - mark) }
        arena.reset(limit: .max)
        let message = try unsafe UnsafeRawPointer(build(MessageBuilder(arena, self, depth: depth))).assumingMemoryBound(to: ProtobufCMessage.self)
        guard sink != nil else {
            byteCount += unsafe protobuf_c_message_get_packed_size(message)
            return
        }
        unsafe thimble_pack(
            message, addresses, Self.addressCount, room.baseAddress, room.count, appendPiece, Unmanaged.passUnretained(self).toOpaque())
        if let failure { throw failure }
    }

    /// What protobuf-c hands on. An error is kept, because it cannot pass through C, and ends the writing after this message.
    fileprivate func append(_ bytes: UnsafePointer<UInt8>?, _ count: Int) {
        guard failure == nil, count > 0, let sink, let bytes = unsafe bytes else { return }
        do {
            let distance = unsafe UnsafeRawPointer(bytes) - UnsafeRawPointer(addresses)
            guard distance >= 0, distance < Self.addressCount else {
                byteCount += count
                return try unsafe sink.append(UnsafeRawBufferPointer(start: bytes, count: count))
            }
            switch stands[distance] {
            case .payload(let payload):
                byteCount += count
                try sink.append(payload)
            case .part(let part, let index, let depth): try pack(part, index, depth: depth)
            }
        } catch {
            failure = error
        }
    }

    private func pack(_ part: Part, _ index: Int, depth: Int) throws {
        let (part1, tensor1, start) = (nextPart, nextTensor, byteCount)
        (nextPart, nextTensor) = (index + 1, measures[index].firstTensor)
        try emit(part, depth: depth)
        (nextPart, nextTensor) = (part1, tensor1)
        guard byteCount - start == measures[index].byteCount else {
            throw ModelError(.internalFault, "\(byteCount - start) bytes were packed, \(measures[index].byteCount) were measured")
        }
    }

    // MARK: - what stands for something else

    private func address(for stand: Stand, count: Int) throws -> ProtobufCBinaryData {
        guard stands.count < Self.addressCount else { throw ModelError(.limit, "more than \(Self.addressCount) tensors in one node") }
        stands.append(stand)
        return unsafe ProtobufCBinaryData(len: count, data: (addresses + stands.count - 1).assumingMemoryBound(to: UInt8.self))
    }

    /// Stands for `bytes`.
    func payload(_ bytes: TensorBytes) throws -> ProtobufCBinaryData {
        bytes.count == 0 ? unsafe ProtobufCBinaryData(len: 0, data: nil) : try unsafe address(for: .payload(bytes), count: bytes.count)
    }

    /// Stands for the packed `part`, `depth` graphs deep.
    func part(_ part: Part, depth: Int) throws -> ProtobufCBinaryData {
        guard depth <= Self.depthLimit else { throw ModelError(.limit, "graphs nested more than \(Self.depthLimit) deep") }
        let index = nextPart
        nextPart += 1
        if sink == nil {
            let before = byteCount
            byteCount = 0
            measures.append(Measure(firstTensor: nextTensor))
            try emit(part, depth: depth)
            measures[index] = Measure(
                byteCount: byteCount, nextPart: nextPart, firstTensor: measures[index].firstTensor, nextTensor: nextTensor)
            byteCount = before
        } else {
            (nextPart, nextTensor) = (measures[index].nextPart, measures[index].nextTensor)
        }
        return try unsafe address(for: .part(part, index: index, depth: depth), count: measures[index].byteCount)
    }

    /// Where the data file has `bytes`, if they go there. Called once for each tensor with bytes, when measured and when packed.
    func externalPlace(of bytes: TensorBytes) throws -> ExternalDataWriter.Place? {
        defer { nextTensor += 1 }
        guard let dataFile else { return nil }
        return sink == nil ? try dataFile.store(bytes, number: nextTensor) : dataFile.place(ofNumber: nextTensor)
    }
}

private func appendPiece(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<UInt8>?, _ count: Int) {
    guard let context = unsafe context else { return }
    unsafe Unmanaged<ModelWriter>.fromOpaque(context).takeUnretainedValue().append(bytes, count)
}

// MARK: - order of fields

extension ModelWriter {
    private func emit(_ model: Model) throws {
        unsafe try piece(depth: 0) { try unsafe $0.modelStart(model) }
        unsafe try piece(depth: 0) { builder in
            let m = try unsafe builder.arena.create(.model, as: Onnx__ModelProto.self)
            unsafe (m.pointee.has_graph, m.pointee.graph) = (1, try part(.graph(model.graph), depth: 1))
            return unsafe m
        }
        unsafe try piece(depth: 0) { try unsafe $0.modelMiddle(model) }
        for (index, info) in model.trainingInfo.enumerated() {
            try within("training_info \(index)") { unsafe try piece(depth: 0) { try unsafe $0.model(trainingInfo: info) } }
        }
        for function in model.functions {
            try within("function '\(function.domain ?? "")::\(function.name ?? "")'") {
                unsafe try piece(depth: 0) { builder in
                    let m = try unsafe builder.arena.create(.model, as: Onnx__ModelProto.self)
                    let data = try unsafe builder.one(part(.function(function), depth: 1))
                    unsafe (m.pointee.n_functions, m.pointee.functions) = (1, data)
                    return unsafe m
                }
            }
        }
        unsafe try piece(depth: 0) { try unsafe $0.modelEnd(model) }
    }

    private func emit(_ part: Part, depth: Int) throws {
        switch part {
        case .graph(let graph): try emit(graph, depth: depth)
        case .function(let function): try emit(function, depth: depth)
        }
    }

    private func emit(_ graph: Graph, depth: Int) throws {
        for node in graph.nodes {
            unsafe try piece(depth: depth) { try unsafe $0.graph(node: node) }
        }
        unsafe try piece(depth: depth) { try unsafe $0.graphName(graph) }
        for tensor in graph.initializers {
            try within("initializer '\(tensor.name ?? "")'") { unsafe try piece(depth: depth) { try unsafe $0.graph(initializer: tensor) } }
        }
        unsafe try piece(depth: depth) { try unsafe $0.graphDocString(graph) }
        for info in graph.inputs { unsafe try piece(depth: depth) { try unsafe $0.graph(info, .input) } }
        for info in graph.outputs { unsafe try piece(depth: depth) { try unsafe $0.graph(info, .output) } }
        for info in graph.valueInfos { unsafe try piece(depth: depth) { try unsafe $0.graph(info, .valueInfo) } }
        for annotation in graph.quantizationAnnotations { unsafe try piece(depth: depth) { try unsafe $0.graph(annotation: annotation) } }
        for sparse in graph.sparseInitializers {
            try within("sparse initializer '\(sparse.values?.name ?? "")'") { unsafe try piece(depth: depth) { try unsafe $0.graph(sparse: sparse) } }
        }
        unsafe try piece(depth: depth) { try unsafe $0.graphEnd(graph) }
    }

    private func emit(_ function: Function, depth: Int) throws {
        unsafe try piece(depth: depth) { try unsafe $0.functionStart(function) }
        for node in function.nodes { unsafe try piece(depth: depth) { try unsafe $0.function(node: node) } }
        unsafe try piece(depth: depth) { try unsafe $0.functionMiddle(function) }
        for attribute in function.attributeDefaults { unsafe try piece(depth: depth) { try unsafe $0.function(attribute: attribute) } }
        for info in function.valueInfos { unsafe try piece(depth: depth) { try unsafe $0.function(valueInfo: info) } }
        unsafe try piece(depth: depth) { try unsafe $0.functionEnd(function) }
    }
}
