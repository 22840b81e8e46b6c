internal import ModelGraph
internal import Tensors

extension MetadataWriter {
    func attributes(_ attributes: [Attribute], _ depth: Depth) throws -> FlatOffset? {
        if attributes.isEmpty { return nil }
        var offsets: [FlatOffset] = []
        offsets.reserveCapacity(attributes.count)
        for attribute in attributes {
            do {
                offsets.append(try self.attribute(attribute, depth.table()))
            } catch let error as ModelError {
                throw error.at("attribute '\(attribute.name ?? "")'")
            }
        }
        return try builder.vector(offsets)
    }

    private func attribute(_ attribute: Attribute, _ depth: Depth) throws -> FlatOffset {
        var fields = FlatFields()
        try start(of: attribute, &fields)
        var isLeaf = true
        if attribute.hasValue {
            switch attribute.value {
            case .graph(let value):
                fields.set(Slot.Attribute.g, try graph(value, depth))
                isLeaf = false
            case .graphs(let values):
                fields.set(Slot.Attribute.graphs, try builder.vector(values.map { try graph($0, depth) }))
                isLeaf = false
            default:
                isLeaf = try plainValue(attribute.value, &fields, depth)
            }
        }
        try rest(of: attribute, &fields)
        return try builder.table(fields, sharing: isLeaf)
    }

    @inline(never)
    private func start(of attribute: Attribute, _ fields: inout FlatFields) throws {
        fields.set(Slot.Attribute.name, try builder.string(attribute.name))
        if attribute.hasType { fields.set(Slot.Attribute.type, FlatValue(attribute.value.typeNumber)) }
    }

    @inline(never)
    private func rest(of attribute: Attribute, _ fields: inout FlatFields) throws {
        fields.set(Slot.Attribute.refAttrName, try builder.string(attribute.referenceName))
        fields.set(Slot.Attribute.docString, try builder.string(attribute.docString))
        fields.set(Slot.Attribute.unknown, try bytes(attribute.unknownFields))
    }

    /// Every kind without graphs. False if the value holds tensors, which no two attributes may share.
    @inline(never)
    private func plainValue(_ value: AttributeValue, _ fields: inout FlatFields, _ depth: Depth) throws -> Bool {
        switch value {
        case .float(let value): fields.set(Slot.Attribute.f, .word(value.bitPattern))
        case .int(let value): fields.set(Slot.Attribute.i, FlatValue(value))
        case .string(let value): try string(value, &fields)
        case .floats(let values): try floats(values, &fields)
        case .ints(let values): try ints(values, &fields)
        case .strings(let values): try strings(values, &fields)
        case .type(let value): fields.set(Slot.Attribute.tp, try type(value, depth))
        case .types(let values): fields.set(Slot.Attribute.typeProtos, try builder.vector(values.map { try type($0, depth) }))
        case .tensor, .tensors, .sparseTensor, .sparseTensors:
            try tensors(value, &fields)
            return false
        case .undefined, .graph, .graphs: break
        }
        return true
    }

    private func tensors(_ value: AttributeValue, _ fields: inout FlatFields) throws {
        switch value {
        case .tensor(let value): fields.set(Slot.Attribute.t, try tensor(value))
        case .tensors(let values): fields.set(Slot.Attribute.tensors, try builder.vector(values.map(tensor)))
        case .sparseTensor(let value): fields.set(Slot.Attribute.sparseTensor, try sparseTensor(value))
        case .sparseTensors(let values): fields.set(Slot.Attribute.sparseTensors, try builder.vector(values.map(sparseTensor)))
        default: break
        }
    }

    // MARK: values that are a payload when they are long

    private func string(_ value: [UInt8], _ fields: inout FlatFields) throws {
        if value.count > MetadataLimit.inlineStringBytes {
            try big(Tensor(.uint8, dims: [value.count], bytes: TensorBytes(value)), &fields)
        } else if let text = Name(utf8: value) {
            fields.set(Slot.Attribute.s, try builder.string(text))
        } else {
            fields.set(Slot.Attribute.sBytes, try builder.vector(value))
        }
    }

    private func floats(_ values: [Float], _ fields: inout FlatFields) throws {
        if values.count > MetadataLimit.inlineElements {
            var bytes: [UInt8] = []
            for value in values { bytes.appendLittleEndian(value.bitPattern) }
            try big(Tensor(.float, dims: [values.count], bytes: TensorBytes(bytes)), &fields)
        } else {
            fields.set(Slot.Attribute.floats, try builder.vector(values.map(\.bitPattern)))
        }
    }

    private func ints(_ values: [Int64], _ fields: inout FlatFields) throws {
        if values.count > MetadataLimit.inlineElements {
            var bytes: [UInt8] = []
            for value in values { bytes.appendLittleEndian(value) }
            try big(Tensor(.int64, dims: [values.count], bytes: TensorBytes(bytes)), &fields)
        } else {
            fields.set(Slot.Attribute.ints, try builder.vector(values))
        }
    }

    private func strings(_ values: [[UInt8]], _ fields: inout FlatFields) throws {
        if values.count > MetadataLimit.inlineElements {
            var joined: [UInt8] = [], ends: [UInt8] = []
            for value in values {
                joined += value
                ends.appendLittleEndian(UInt64(joined.count))
            }
            let list = StringList(joined: TensorBytes(joined), ends: Tensor(.uint64, dims: [values.count], bytes: TensorBytes(ends)))
            try big(Tensor(.string, dims: [values.count], encoding: .strings(list)), &fields)
            return
        }
        let texts = values.compactMap { Name(utf8: $0) }
        if texts.count == values.count {
            fields.set(Slot.Attribute.strings, try builder.vector(texts.map { try builder.string($0) }))
        } else {
            let objects = try values.map { value in
                var bytes = FlatFields()
                bytes.set(Slot.Bytes.data, try builder.vector(value))
                return try builder.table(bytes, sharing: true)
            }
            fields.set(Slot.Attribute.stringsBytes, try builder.vector(objects))
        }
    }

    private func big(_ tensor: Tensor, _ fields: inout FlatFields) throws {
        fields.set(Slot.Attribute.big, .word(try payload(of: tensor)))
    }

    // MARK: tensors

    func tensor(_ tensor: Tensor) throws -> FlatOffset {
        try within("tensor '\(tensor.name ?? "")'") {
            var fields = FlatFields()
            fields.set(Slot.Tensor.name, id(tensor.name))
            fields.set(Slot.Tensor.payload, .word(try payload(of: tensor)))
            fields.set(Slot.Tensor.source, .byte(tensor.origin.field.rawValue))
            fields.set(Slot.Tensor.docString, try builder.string(tensor.docString))
            fields.set(Slot.Tensor.metadata, try entries(tensor.metadata))
            fields.set(Slot.Tensor.external, try entries(tensor.origin.externalData))
            fields.set(Slot.Tensor.dataLocation, tensor.origin.dataLocation.map(FlatValue.init))
            fields.set(Slot.Tensor.unknown, try bytes(tensor.origin.unknownFields))
            return try builder.table(fields)
        }
    }

    func sparseTensor(_ sparse: SparseTensor) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.SparseTensor.values, try sparse.values.map(tensor))
        fields.set(Slot.SparseTensor.indices, try sparse.indices.map(tensor))
        fields.set(Slot.SparseTensor.dims, sparse.dims.isEmpty ? nil : try builder.vector(sparse.dims))
        fields.set(Slot.SparseTensor.unknown, try bytes(sparse.unknownFields))
        return try builder.table(fields)
    }
}
