internal import ModelGraph
internal import Tensors

/// Types, and the small tables around graphs.
extension MetadataReader {
    func valueInfo(_ table: FlatTable, _ outer: Depth) throws -> ValueInfo {
        let depth = try outer.table()
        return ValueInfo(
            name: try name(table, Slot.ValueInfo.name), type: try table.table(Slot.ValueInfo.type).map { try type($0, depth) },
            docString: try text(table, Slot.ValueInfo.docString), metadata: try entries(table, Slot.ValueInfo.metadata),
            unknownFields: try bytes(table, Slot.ValueInfo.unknown))
    }

    /// A type may be shared. Types nest in a chain, so there is no recursion: down to the innermost table, or to one that was read
    /// before, then back.
    func type(_ table: FlatTable, _ outer: Depth) throws -> ValueType {
        var chain = [table]
        var inner: SharedType?
        while let next = chain.last {
            if let known = typeTables[next.position] {
                chain.removeLast()
                try budget.share(known.cost)
                inner = known
                break
            }
            try checkFields(next, kind: next.integer(Slot.ValueType.kind, UInt8.self) ?? 0)
            guard let element = try next.table(Slot.ValueType.elem) else { break }
            guard chain.count < MetadataLimit.tableDepth else { throw Depth.tooDeep }
            chain.append(element)
        }
        guard outer.tables + chain.count + (inner?.height ?? 0) <= MetadataLimit.tableDepth else { throw Depth.tooDeep }
        for table in chain.reversed() {
            let costBefore = budget.cost
            let kind = try kind(table, inner?.value)
            let value = ValueType(kind, denotation: try text(table, Slot.ValueType.denotation))
            try budget.take(4 * MemoryLayout<ValueType>.stride)
            let outer = SharedType(value: value, cost: budget.cost - costBefore + (inner?.cost ?? 0), height: 1 + (inner?.height ?? 0))
            typeTables[table.position] = outer
            inner = outer
        }
        // The chain started with one table, which was known or has been read.
        return inner!.value
    }

    private func kind(_ table: FlatTable, _ inner: ValueType?) throws -> ValueType.Kind {
        switch try table.integer(Slot.ValueType.kind, UInt8.self) ?? 0 {
        case TypeKindNumber.none:
            guard let raw = try table.vector(Slot.ValueType.raw, stride: 1, alignment: 1) else { return .none }
            return .raw(try bytes(raw))
        case TypeKindNumber.tensor: return .tensor(elementType: try element(table), shape: try shape(table))
        case TypeKindNumber.sparseTensor: return .sparseTensor(elementType: try element(table), shape: try shape(table))
        case TypeKindNumber.sequence: return .sequence(inner)
        case TypeKindNumber.optional: return .optional(inner)
        case TypeKindNumber.map: return .map(key: try element(table), value: inner)
        default:
            return .opaque(domain: try text(table, Slot.ValueType.opaqueDomain), name: try text(table, Slot.ValueType.opaqueName))
        }
    }

    /// A field that the kind does not have would be lost in silence.
    private func checkFields(_ table: FlatTable, kind: UInt8) throws {
        let allowed: [Int]
        switch kind {
        case TypeKindNumber.none: allowed = [Slot.ValueType.raw]
        case TypeKindNumber.tensor, TypeKindNumber.sparseTensor: allowed = [Slot.ValueType.elemType, Slot.ValueType.shape]
        case TypeKindNumber.sequence, TypeKindNumber.optional: allowed = [Slot.ValueType.elem]
        case TypeKindNumber.map: allowed = [Slot.ValueType.elemType, Slot.ValueType.elem]
        case TypeKindNumber.opaque: allowed = [Slot.ValueType.opaqueDomain, Slot.ValueType.opaqueName]
        default: throw ModelError(.damagedFile, "a type is of kind \(kind), 0 to 6 are known")
        }
        for slot in Slot.ValueType.elemType...Slot.ValueType.raw where slot != Slot.ValueType.denotation && !allowed.contains(slot) {
            guard try table.field(slot, size: 1) == nil else {
                throw ModelError(.damagedFile, "a type of kind \(kind) has field \(slot), which belongs to another kind")
            }
        }
    }

    private func element(_ table: FlatTable) throws -> ElementType? {
        try table.integer(Slot.ValueType.elemType, Int32.self).map(ElementType.init(rawValue:))
    }

    private func shape(_ table: FlatTable) throws -> Shape? {
        guard let vector = try table.vector(Slot.ValueType.shape, stride: 16, alignment: 8) else { return nil }
        try budget.take(vector.count * MemoryLayout<Dimension>.stride + 32)
        return Shape(try (0..<vector.count).map { try dimension(at: vector[$0]) })
    }

    /// A `Dim` struct.
    private func dimension(at position: Int) throws -> Dimension {
        let value = try buffer.load(Int64.self, at: position, "a dim")
        let denotation = try buffer.load(UInt32.self, at: position + 8, "a dim")
        let kind = try buffer.load(UInt8.self, at: position + 12, "a dim")
        let hasDenotation = try buffer.load(UInt8.self, at: position + 13, "a dim")
        let size: Dimension.Size
        switch kind {
        case DimKindNumber.unset where value == 0: size = .unknown
        case DimKindNumber.value: size = .value(value)
        case DimKindNumber.param where value >= 0: size = .symbol(try name(Int(value)))
        default: throw ModelError(.damagedFile, "a dim has the kind \(kind) and the value \(value), which mean nothing together")
        }
        guard hasDenotation <= 1, hasDenotation == 1 || denotation == 0 else {
            throw ModelError(.damagedFile, "a dim says \(hasDenotation) to having a denotation and names string \(denotation)")
        }
        return Dimension(size, denotation: hasDenotation == 1 ? try name(Int(denotation)) : nil)
    }

    func opsets(_ table: FlatTable, _ slot: Int) throws -> [OpsetImport] {
        try list(table, slot) { opset in
            OpsetImport(
                domain: try text(opset, Slot.Opset.domain), version: try opset.integer(Slot.Opset.version, Int64.self),
                unknownFields: try bytes(opset, Slot.Opset.unknown))
        }
    }

    func source(_ table: FlatTable) throws -> ThimbleFile.Source {
        let size = try table.integer(Slot.Source.size, Int64.self)
        guard size ?? 0 >= 0 else { throw ModelError(.damagedFile, "the source is said to have more bytes than any file") }
        return ThimbleFile.Source(
            fileName: try text(table, Slot.Source.fileName), byteCount: size.map { Int($0) },
            crc32: try table.integer(Slot.Source.crc32, UInt32.self), isByteExact: try table.bool(Slot.Source.byteExact) ?? false,
            isLossy: try table.bool(Slot.Source.lossy) ?? false)
    }

    func deviceConfiguration(_ table: FlatTable) throws -> DeviceConfiguration {
        DeviceConfiguration(
            name: try text(table, Slot.Device.name), deviceCount: try table.integer(Slot.Device.count, Int32.self),
            devices: try texts(table, Slot.Device.devices), unknownFields: try bytes(table, Slot.Device.unknown))
    }

    func nodeDevices(_ table: FlatTable) throws -> NodeDeviceConfiguration {
        NodeDeviceConfiguration(
            configurationID: try text(table, Slot.NodeDevice.configurationID),
            shardingSpecs: try list(table, Slot.NodeDevice.shardingSpec, shardingSpec),
            pipelineStage: try table.integer(Slot.NodeDevice.pipelineStage, Int32.self),
            unknownFields: try bytes(table, Slot.NodeDevice.unknown))
    }

    private func shardingSpec(_ table: FlatTable) throws -> ShardingSpec {
        ShardingSpec(
            tensorName: try name(table, Slot.ShardingSpec.tensorName), devices: try integers(table, Slot.ShardingSpec.device) ?? [],
            deviceGroups: try list(table, Slot.ShardingSpec.deviceGroups) { group in
                DeviceGroup(
                    key: try group.integer(Slot.DeviceGroup.key, Int64.self), devices: try integers(group, Slot.DeviceGroup.value) ?? [],
                    unknownFields: try bytes(group, Slot.DeviceGroup.unknown))
            },
            shardedDims: try list(table, Slot.ShardingSpec.shardedDim) { dim in
                ShardedDim(
                    axis: try dim.integer(Slot.ShardedDim.axis, Int64.self),
                    shardings: try list(dim, Slot.ShardedDim.simpleSharding, simpleShardedDim),
                    unknownFields: try bytes(dim, Slot.ShardedDim.unknown))
            }, unknownFields: try bytes(table, Slot.ShardingSpec.unknown))
    }

    private func simpleShardedDim(_ table: FlatTable) throws -> SimpleShardedDim {
        let dim = try table.field(Slot.SimpleShardedDim.dim, size: 16).map(dimension)
        guard dim?.denotation == nil else { throw ModelError(.damagedFile, "a sharded dim has a denotation, which ONNX has no place for") }
        return SimpleShardedDim(
            size: dim?.size ?? .unknown, shardCount: try table.integer(Slot.SimpleShardedDim.numShards, Int64.self),
            unknownFields: try bytes(table, Slot.SimpleShardedDim.unknown))
    }
}
