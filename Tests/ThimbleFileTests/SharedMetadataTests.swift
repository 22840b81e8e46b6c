import ModelGraph
import TestSupport
import Tensors
import Testing
@testable import ThimbleFile

/// Metadata that no writer of ours makes: well-formed, and made to hurt.
struct SharedMetadataTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A file whose graph has what `build` puts into it.
    private func file(
        strings: Int = 1, payloads: (inout FlatBufferBuilder) throws -> FlatOffset? = { _ in nil }, _ build: (inout FlatBufferBuilder, inout FlatFields) throws -> Void
    ) throws -> String {
        var builder = FlatBufferBuilder(limit: 1 << 28)
        var graph = FlatFields()
        try build(&builder, &graph)
        var model = FlatFields()
        model.set(Slot.Model.graph, try builder.table(graph))
        let models = try builder.vector([builder.table(model)])
        let empty = try builder.string("" as Name)
        var root = FlatFields()
        root.set(Slot.Root.requires, try builder.vector([FlatOffset]()))
        root.set(Slot.Root.strings, try builder.vector([FlatOffset](repeating: empty, count: strings)))
        root.set(Slot.Root.ops, try builder.vector([builder.table(FlatFields())]))
        root.set(Slot.Root.models, models)
        root.set(Slot.Root.payloads, try payloads(&builder))
        let offset = try builder.table(root)
        let raw = try builder.finish(root: offset, identifier: MetadataLimit.identifier)
        let header = Header(
            fileSize: 64 + raw.count, metadataOffset: 64, metadataStored: raw.count, metadataRaw: raw.count,
            metadataCRC32: raw.withUnsafeBytes { MetadataBlock.crc32($0) }, isCompressed: false)
        return try folder.write(header.bytes + raw, "hostile.thimble")
    }

    /// Each type may hold one that was read before, so that a thousand short chains would make one that is far too deep to free.
    @Test func sharedTypesDoNotNestWithoutBound() throws {
        let path = try file { builder, graph in
            var types: [FlatOffset] = [], inner: FlatOffset?
            for depth in 1...20_000 {
                var fields = FlatFields()
                fields.set(Slot.ValueType.kind, .byte(TypeKindNumber.sequence))
                fields.set(Slot.ValueType.elem, inner)
                inner = try builder.table(fields)
                if depth % 200 == 0 { types.append(inner!) }
            }
            let infos = try types.map { type in
                var info = FlatFields()
                info.set(Slot.ValueInfo.type, type)
                return try builder.table(info)
            }
            graph.set(Slot.Graph.inputs, try builder.vector(infos))
        }
        let error = #expect(throws: ModelError.self) { try ThimbleFile.read(path) }
        #expect(error?.code == .limit)
        #expect(throws: ModelError.self) { try ThimbleFile.list(path) }
    }

    /// One string a hundred thousand times is told a few hundred times.
    @Test func repeatedStringsAreNotToldWithoutEnd() throws {
        let path = try file(strings: 100_000) { _, _ in }
        let findings = try ThimbleFile.verify(path)
        #expect((2...1000).contains(findings.count))
    }

    /// A long value that a hundred million attributes share is in memory once, and still more than anybody can walk.
    @Test func sharedLongValuesCount() throws {
        let count = 1 << 20, uses = 1 << 10
        let path = try file(payloads: { builder in
            try builder.vector([builder.payload(PayloadRecord(elementType: .int64, dims: [count], data: .blob(segment: 0, offset: 0, size: count * 8), encoding: .plain))])
        }) { builder, graph in
            var attributes: [FlatOffset] = []
            for _ in 0..<uses {
                var attribute = FlatFields()
                attribute.set(Slot.Attribute.big, .word(0))
                attributes.append(try builder.table(attribute))
            }
            var node = FlatFields()
            node.set(Slot.Node.op, .word(0))
            node.set(Slot.Node.attributes, try builder.vector(attributes))
            graph.set(Slot.Graph.nodes, try builder.vector([builder.table(node)]))
        }
        let file = try MappedFile(path)
        let reader = try MetadataReader(MetadataBlock.read(file, Header(file)), budget: ReadBudget(memoryLimit: 1 << 30))
        let values = TensorBytes([UInt8](repeating: 0, count: count * 8))
        let error = #expect(throws: ModelError.self) {
            try reader.entries(MetadataReader.Values(tensor: { _ in Tensor(.int64, dims: [count], bytes: values) }, areThere: true))
        }
        #expect(error?.code == .limit)
    }
}
