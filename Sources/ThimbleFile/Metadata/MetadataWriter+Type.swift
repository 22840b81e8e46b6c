internal import ModelGraph
internal import Tensors

/// Types, and the small tables around graphs.
extension MetadataWriter {
    func valueInfo(_ info: ValueInfo, _ outer: Depth) throws -> FlatOffset {
        let depth = try outer.table()
        var fields = FlatFields()
        fields.set(Slot.ValueInfo.name, id(info.name))
        fields.set(Slot.ValueInfo.type, try info.type.map { try type($0, depth) })
        fields.set(Slot.ValueInfo.docString, try builder.string(info.docString))
        fields.set(Slot.ValueInfo.metadata, try entries(info.metadata))
        fields.set(Slot.ValueInfo.unknown, try bytes(info.unknownFields))
        return try builder.table(fields)
    }

    /// Types nest in a chain, so there is no recursion: down to the innermost, then back.
    func type(_ type: ValueType, _ outer: Depth) throws -> FlatOffset {
        var chain = [type]
        while let inner = chain[chain.count - 1].inner {
            guard chain.count < MetadataLimit.tableDepth else { throw Depth.tooDeep }
            chain.append(inner)
        }
        guard outer.tables + chain.count <= MetadataLimit.tableDepth else { throw Depth.tooDeep }
        var offset = try table(chain[chain.count - 1], inner: nil)
        for type in chain.dropLast().reversed() { offset = try table(type, inner: offset) }
        return offset
    }

    private func table(_ type: ValueType, inner: FlatOffset?) throws -> FlatOffset {
        var fields = FlatFields()
        func set(_ kind: UInt8, element: ElementType? = nil, shape: Shape? = nil) throws {
            fields.set(Slot.ValueType.kind, .byte(kind))
            fields.set(Slot.ValueType.elemType, element.map { FlatValue($0.rawValue) })
            fields.set(Slot.ValueType.shape, try shape.map(self.shape))
        }
        switch type.kind {
        case .none: try set(TypeKindNumber.none)
        case .tensor(let element, let shape): try set(TypeKindNumber.tensor, element: element, shape: shape)
        case .sparseTensor(let element, let shape): try set(TypeKindNumber.sparseTensor, element: element, shape: shape)
        case .sequence: try set(TypeKindNumber.sequence)
        case .optional: try set(TypeKindNumber.optional)
        case .map(let key, _): try set(TypeKindNumber.map, element: key)
        case .opaque(let domain, let name):
            try set(TypeKindNumber.opaque)
            fields.set(Slot.ValueType.opaqueDomain, try builder.string(domain))
            fields.set(Slot.ValueType.opaqueName, try builder.string(name))
        case .raw(let bytes):
            try set(TypeKindNumber.none)
            fields.set(Slot.ValueType.raw, try builder.vector(bytes))
        }
        fields.set(Slot.ValueType.elem, inner)
        fields.set(Slot.ValueType.denotation, try builder.string(type.denotation))
        return try builder.table(fields, sharing: true)
    }

    private func shape(_ shape: Shape) throws -> FlatOffset {
        var bytes: [UInt8] = []
        for word in shape.dims.flatMap(words) { bytes.appendLittleEndian(word) }
        return try builder.vector(bytes, stride: 16, alignment: 8)
    }

    /// A `Dim` struct: value; then denotation (4 bytes), kind (1), has_denotation (1), padding.
    private func words(of dim: Dimension) -> [UInt64] {
        let (value, kind): (Int64, UInt8) =
            switch dim.size {
            case .unknown: (0, DimKindNumber.unset)
            case .value(let value): (value, DimKindNumber.value)
            case .symbol(let name): (Int64(id(name)), DimKindNumber.param)
            }
        let denotation = dim.denotation.map { UInt64(id($0)) | 1 << 40 } ?? 0
        return [UInt64(bitPattern: value), denotation | UInt64(kind) << 32]
    }

    private func simpleShardedDim(_ dim: SimpleShardedDim) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.SimpleShardedDim.dim, .structure(words(of: Dimension(dim.size))))
        fields.set(Slot.SimpleShardedDim.numShards, dim.shardCount.map(FlatValue.init))
        fields.set(Slot.SimpleShardedDim.unknown, try bytes(dim.unknownFields))
        return try builder.table(fields)
    }

    func opsets(_ opsets: [OpsetImport]) throws -> FlatOffset? {
        try list(opsets) { opset in
            var fields = FlatFields()
            fields.set(Slot.Opset.domain, try builder.string(opset.domain))
            fields.set(Slot.Opset.version, opset.version.map(FlatValue.init))
            fields.set(Slot.Opset.unknown, try bytes(opset.unknownFields))
            return try builder.table(fields)
        }
    }

    func source(_ source: ThimbleFile.Source) throws -> FlatOffset {
        var fields = FlatFields()
        // Where the file lay is nobody's business but its owner's.
        let withoutFolder = source.fileName.flatMap { name in Name(utf8: Array(name.bytes.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed())) }
        fields.set(Slot.Source.fileName, try builder.string(withoutFolder))
        fields.set(Slot.Source.size, source.byteCount.map { FlatValue(Int64($0)) })
        fields.set(Slot.Source.crc32, source.crc32.map { .word($0) })
        fields.set(Slot.Source.byteExact, FlatValue(source.isByteExact))
        fields.set(Slot.Source.lossy, FlatValue(source.isLossy))
        return try builder.table(fields)
    }

    func deviceConfiguration(_ configuration: DeviceConfiguration) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.Device.name, try builder.string(configuration.name))
        fields.set(Slot.Device.count, configuration.deviceCount.map(FlatValue.init))
        fields.set(Slot.Device.devices, try list(configuration.devices) { try builder.string($0) })
        fields.set(Slot.Device.unknown, try bytes(configuration.unknownFields))
        return try builder.table(fields)
    }

    func nodeDevices(_ configuration: NodeDeviceConfiguration) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.NodeDevice.configurationID, try builder.string(configuration.configurationID))
        fields.set(Slot.NodeDevice.shardingSpec, try list(configuration.shardingSpecs, shardingSpec))
        fields.set(Slot.NodeDevice.pipelineStage, configuration.pipelineStage.map(FlatValue.init))
        fields.set(Slot.NodeDevice.unknown, try bytes(configuration.unknownFields))
        return try builder.table(fields)
    }

    private func shardingSpec(_ spec: ShardingSpec) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.ShardingSpec.tensorName, id(spec.tensorName))
        fields.set(Slot.ShardingSpec.device, spec.devices.isEmpty ? nil : try builder.vector(spec.devices))
        fields.set(
            Slot.ShardingSpec.deviceGroups,
            try list(spec.deviceGroups) { group in
                var fields = FlatFields()
                fields.set(Slot.DeviceGroup.key, group.key.map(FlatValue.init))
                fields.set(Slot.DeviceGroup.value, group.devices.isEmpty ? nil : try builder.vector(group.devices))
                fields.set(Slot.DeviceGroup.unknown, try bytes(group.unknownFields))
                return try builder.table(fields)
            })
        fields.set(
            Slot.ShardingSpec.shardedDim,
            try list(spec.shardedDims) { dim in
                var fields = FlatFields()
                fields.set(Slot.ShardedDim.axis, dim.axis.map(FlatValue.init))
                fields.set(Slot.ShardedDim.simpleSharding, try list(dim.shardings, simpleShardedDim))
                fields.set(Slot.ShardedDim.unknown, try bytes(dim.unknownFields))
                return try builder.table(fields)
            })
        fields.set(Slot.ShardingSpec.unknown, try bytes(spec.unknownFields))
        return try builder.table(fields)
    }
}

extension ValueType {
    /// The type within.
    fileprivate var inner: ValueType? {
        switch kind {
        case .sequence(let type), .optional(let type), .map(_, let type): type
        case .none, .tensor, .sparseTensor, .opaque, .raw: nil
        }
    }
}
