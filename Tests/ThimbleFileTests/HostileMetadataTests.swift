import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import ThimbleFile

/// Metadata that is a whole FlatBuffer and yet breaks a rule; made with the builder, as only somebody who means it would.
@Suite struct HostileMetadataTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// What a file says that differs from an empty one.
    private struct Parts {
        var requires: [Name] = []
        var strings: [Name] = [""]
        var keys: [Name] = [""]
        var graph: (inout FlatBufferBuilder) throws -> FlatOffset = { try $0.table(FlatFields()) }
        var rest: (inout FlatBufferBuilder, inout FlatFields) throws -> Void = { _, _ in }
    }

    private func metadata(_ parts: Parts) throws -> [UInt8] {
        var builder = FlatBufferBuilder(limit: 1 << 30)
        var root = FlatFields()
        root.set(Slot.Root.requires, try builder.vector(parts.requires.map { try builder.string($0) }))
        root.set(Slot.Root.strings, try builder.vector(parts.strings.map { try builder.string($0) }))
        let models = try parts.keys.map { key in
            var model = FlatFields()
            model.set(Slot.Model.key, try builder.string(key))
            model.set(Slot.Model.graph, try parts.graph(&builder))
            return try builder.table(model)
        }
        root.set(Slot.Root.models, try builder.vector(models))
        try parts.rest(&builder, &root)
        let offset = try builder.table(root)
        return try builder.finish(root: offset, identifier: "THM1")
    }

    private func file(_ parts: Parts) throws -> String {
        try folder.write(FileBytes(metadata: metadata(parts)).bytes, "hostile.thimble")
    }

    private func refusal(_ parts: Parts) throws -> ModelError {
        let path = try file(parts)
        return try #require(throws: ModelError.self) { _ = try ThimbleFile.read(path) }
    }

    private func graph(nodes: @escaping (inout FlatBufferBuilder) throws -> [FlatOffset]) -> (inout FlatBufferBuilder) throws -> FlatOffset {
        { builder in
            var graph = FlatFields()
            let offsets = try nodes(&builder)
            graph.set(Slot.Graph.nodes, try builder.vector(offsets))
            return try builder.table(graph)
        }
    }

    private func oneOperator(_ builder: inout FlatBufferBuilder, _ root: inout FlatFields) throws {
        let op = try builder.table(FlatFields())
        root.set(Slot.Root.ops, try builder.vector([op]))
    }

    @Test func theSmallestFileIsRead() throws {
        #expect(try ThimbleFile.read(file(Parts())).model == Model(irVersion: nil, graph: Graph()))
    }

    @Test func severalModelsAreReadAndKeysMustDiffer() throws {
        let contents = try ThimbleFile.read(file(Parts(keys: ["b", "a"])))
        #expect(contents.entries.map(\.key) == ["b", "a"])
        #expect(try refusal(Parts(keys: ["a", "b", "a"])).message.contains("two models have the key 'a'"))
        #expect(try refusal(Parts(keys: [])).message.contains("holds no model"))
    }

    @Test func theFirstStringMustBeEmpty() throws {
        #expect(try refusal(Parts(strings: ["x"])).message.contains("first of the metadata's `strings`"))
        #expect(try refusal(Parts(strings: [])).message.contains("first of the metadata's `strings`"))
    }

    @Test func requiresMustBeSortedAndKnown() throws {
        #expect(try refusal(Parts(requires: ["enc.gaps", "codec.zlib"])).message.contains("'codec.zlib' follows 'enc.gaps'"))
        #expect(try refusal(Parts(requires: ["enc.gaps", "enc.gaps"])).message.contains("without repetition"))
        let error = try refusal(Parts(requires: ["codec.future", "enc.gaps", "enc.magic"]))
        #expect(error.code == .unsupported)
        #expect(error.message.contains("'codec.future', 'enc.magic'"))
    }

    @Test func whatIsNotKnownIsListed() throws {
        var parts = Parts(requires: ["codec.future", "enc.magic"])
        parts.rest = { builder, root in
            var payload = FlatFields()
            payload.set(Slot.Payload.dtype, .word(1))
            payload.set(Slot.Payload.dims, try builder.vector([3 as Int64]))
            payload.set(Slot.Payload.data, .structure([0, 12, 0]))
            payload.set(Slot.Payload.encodingType, .byte(200))
            let body = try builder.table(FlatFields())
            payload.set(Slot.Payload.encoding, body)
            let payloadTable = try builder.table(payload)
            root.set(Slot.Root.payloads, try builder.vector([payloadTable]))
            root.set(
                Slot.Root.segments,
                try builder.segments([
                    SegmentRecord(offset: 64, storedSize: 0, rawSize: 12, firstChunk: 0, chunkCount: 0, crc32: 0, codec: 77, filter: 9, width: 1, chunkLog2: 0)
                ]))
        }
        parts.graph = { builder in
            var tensor = FlatFields()
            tensor.set(Slot.Tensor.name, .word(1))
            tensor.set(Slot.Tensor.payload, .word(0))
            let tensorTable = try builder.table(tensor)
            var graph = FlatFields()
            graph.set(Slot.Graph.initializers, try builder.vector([tensorTable]))
            return try builder.table(graph)
        }
        parts.strings = ["", "weight"]
        let path = try file(parts)
        let listing = try ThimbleFile.list(path)
        #expect(listing.unknownRequirements == ["codec.future", "enc.magic"])
        #expect(listing.tables.payloads[0].encoding == .unknown(200))
        #expect(listing.tables.segments[0].codec == 77)
        #expect(listing.entries[0].model.graph.initializers[0].dims == [3])
        #expect(listing.user(ofPayload: 0) == "tensor 'weight'")
        #expect(throws: ModelError.self) { try ThimbleFile.read(path) }
    }

    @Test func anEncodingMustBeRequired() throws {
        var parts = Parts()
        parts.rest = { builder, root in
            let part = try builder.payload(PayloadRecord(elementType: .float, dims: [1, 1], data: .inline([0, 0, 0, 0]), encoding: .plain))
            let whole = try builder.payload(PayloadRecord(elementType: .float, dims: [1, 1], data: .inline([]), encoding: .transposed(of: 0)))
            root.set(Slot.Root.payloads, try builder.vector([part, whole]))
        }
        #expect(try refusal(parts).message.contains("'enc.transposed'"))
    }

    @Test func payloadsReferToEarlierOnesOnly() throws {
        for other in [0, 1, 7] {
            var parts = Parts(requires: ["enc.gaps"])
            parts.rest = { builder, root in
                let payload = try builder.payload(PayloadRecord(elementType: .float, dims: [1], data: .inline([0]), encoding: .gaps(values: other)))
                root.set(Slot.Root.payloads, try builder.vector([payload]))
            }
            #expect(try refusal(parts).message.contains("only payloads with a lower id"))
        }
    }

    @Test func idsMustExist() throws {
        var parts = Parts()
        parts.rest = oneOperator
        parts.graph = graph { builder in
            var node = FlatFields()
            node.set(Slot.Node.inputs, try builder.vector([1 as UInt32]))
            return [try builder.table(node)]
        }
        #expect(try refusal(parts).message.contains("string 1, the metadata has 1"))
        parts.graph = graph { builder in
            var node = FlatFields()
            node.set(Slot.Node.op, .word(3))
            return [try builder.table(node)]
        }
        #expect(try refusal(parts).message.contains("operator 3, the metadata has 1"))
    }

    @Test func attributesHaveOneValueOfTheirType() throws {
        func attribute(_ set: @escaping (inout FlatBufferBuilder, inout FlatFields) throws -> Void) throws -> ModelError {
            var parts = Parts()
            parts.rest = oneOperator
            parts.graph = graph { builder in
                var attribute = FlatFields(), node = FlatFields()
                try set(&builder, &attribute)
                let table = try builder.table(attribute)
                node.set(Slot.Node.attributes, try builder.vector([table]))
                return [try builder.table(node)]
            }
            return try refusal(parts)
        }
        #expect(
            try attribute { _, fields in
                fields.set(Slot.Attribute.i, .long(1))
                fields.set(Slot.Attribute.f, .word(1))
            }.message.contains("two values"))
        #expect(
            try attribute { _, fields in
                fields.set(Slot.Attribute.type, .word(1))
                fields.set(Slot.Attribute.i, .long(1))
            }.message.contains("of type 1, its value is INT"))
        #expect(try attribute { _, fields in fields.set(Slot.Attribute.type, .word(99)) }.message.contains("type 99"))
        #expect(try attribute { _, fields in fields.set(Slot.Attribute.big, .word(5)) }.message.contains("payload 5"))
        #expect(try attribute { builder, fields in fields.set(Slot.Attribute.s, try builder.vector([0xff, 0])) }.message.contains("not UTF-8"))
    }

    // MARK: bombs

    @Test func graphsAndNodesAreNotShared() throws {
        // 60 levels, each graph used twice by the one above: 2^60 graphs as a tree.
        var parts = Parts()
        parts.rest = oneOperator
        parts.graph = { builder in
            var offset = try builder.table(FlatFields())
            for _ in 0..<60 {
                var attributes: [FlatOffset] = []
                for _ in 0..<2 {
                    var attribute = FlatFields()
                    attribute.set(Slot.Attribute.g, offset)
                    attributes.append(try builder.table(attribute))
                }
                var node = FlatFields(), graph = FlatFields()
                node.set(Slot.Node.attributes, try builder.vector(attributes))
                let table = try builder.table(node)
                graph.set(Slot.Graph.nodes, try builder.vector([table]))
                offset = try builder.table(graph)
            }
            return offset
        }
        #expect(try refusal(parts).message.contains("used twice"))
        parts.graph = graph { builder in
            let node = try builder.table(FlatFields())
            return [node, node]
        }
        #expect(try refusal(parts).message.contains("used twice"))
    }

    @Test func sharedPartsDoNotMultiply() throws {
        // 4,000 attributes of their own around one text of 4 MB: 16 GB as a tree, 4 MB as a graph.
        var parts = Parts()
        parts.rest = oneOperator
        parts.graph = graph { builder in
            let text = try builder.string(Name(String(repeating: "x", count: 4_000_000)))
            return try (0..<4000).map { index in
                var attribute = FlatFields(), node = FlatFields()
                attribute.set(Slot.Attribute.i, .long(UInt64(index)))
                attribute.set(Slot.Attribute.docString, text)
                let table = try builder.table(attribute)
                node.set(Slot.Node.attributes, try builder.vector([table]))
                return try builder.table(node)
            }
        }
        let error = try refusal(parts)
        #expect(error.code == .limit)
        #expect(error.message.contains("2 GiB"))
    }

    @Test func emptyNodesDoNotTakeMoreMemoryThanAllowed() throws {
        // 8 bytes of metadata each, over a hundred as a `Node`.
        var parts = Parts()
        parts.rest = oneOperator
        parts.graph = graph { builder in try (0..<20_000).map { _ in try builder.table(FlatFields()) } }
        let bytes = try metadata(parts)
        func read(_ limit: Int) throws {
            try unsafe bytes.withUnsafeBytes { raw in
                let reader = try unsafe MetadataReader(FlatBuffer(raw, owner: bytes), budget: ReadBudget(memoryLimit: limit))
                _ = try reader.entries(MetadataReader.Values(tensor: { _ in Tensor(.float, dims: [], bytes: .empty) }, areThere: false))
            }
        }
        try read(20_000 * 200)
        #expect(throws: ModelError.self) { try read(20_000 * 100) }
    }

    @Test func tablesNestTwoHundredFiftySixDeep() throws {
        func types(_ depth: Int) -> Parts {
            var parts = Parts()
            parts.graph = { builder in
                var type = try builder.table(FlatFields())
                for _ in 1..<depth {
                    var outer = FlatFields()
                    outer.set(Slot.ValueType.kind, .byte(TypeKindNumber.sequence))
                    outer.set(Slot.ValueType.elem, type)
                    type = try builder.table(outer)
                }
                var info = FlatFields(), graph = FlatFields()
                info.set(Slot.ValueInfo.type, type)
                let table = try builder.table(info)
                graph.set(Slot.Graph.inputs, try builder.vector([table]))
                return try builder.table(graph)
            }
            return parts
        }
        // Above the types: root, model, graph, value.
        _ = try ThimbleFile.read(file(types(252)))
        #expect(try refusal(types(253)).message.contains("256 tables"))
    }

    @Test func sharedTypesDoNotNestDeeperThanOthers() throws {
        // Each value's type is the one of the value before within 200 more: none is deep by itself, the last is 2,000 deep.
        var parts = Parts()
        parts.graph = { builder in
            var type = try builder.table(FlatFields())
            var infos: [FlatOffset] = []
            for level in 1...2000 {
                var outer = FlatFields()
                outer.set(Slot.ValueType.kind, .byte(TypeKindNumber.sequence))
                outer.set(Slot.ValueType.elem, type)
                type = try builder.table(outer)
                guard level % 200 == 0 else { continue }
                var info = FlatFields()
                info.set(Slot.ValueInfo.type, type)
                infos.append(try builder.table(info))
            }
            var graph = FlatFields()
            graph.set(Slot.Graph.inputs, try builder.vector(infos))
            return try builder.table(graph)
        }
        #expect(try refusal(parts).message.contains("256 tables"))
    }

    @Test func doubledNamesAreFoundByVerify() throws {
        let path = try file(Parts(strings: ["", "a", "b", "a"]))
        let findings = try ThimbleFile.verify(path)
        #expect(findings.count == 1)
        #expect(findings.first?.message.contains("string 3 is 'a'") == true)
    }
}
