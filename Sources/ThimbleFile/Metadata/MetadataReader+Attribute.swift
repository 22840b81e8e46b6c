internal import ModelGraph
internal import Tensors

extension MetadataReader {
    func attributes(_ table: FlatTable, _ slot: Int, _ depth: Depth) throws -> [Attribute] {
        guard let vector = try table.objects(slot), vector.count > 0 else { return [] }
        try claim(vector.start - 4)
        try budget.take(vector.count * MemoryLayout<Attribute>.stride + 32)
        var attributes: [Attribute] = []
        attributes.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            do {
                try appendAttribute(buffer.table(vector, index), to: &attributes, depth.table())
            } catch let error as ModelError {
                throw error.at("attribute \(index)")
            }
        }
        return attributes
    }

    private func appendAttribute(_ table: FlatTable, to attributes: inout [Attribute], _ depth: Depth) throws {
        if try appendKnown(table, to: &attributes) { return }
        switch try valueSlot(table) {
        case Slot.Attribute.g?: try appendGraph(table, to: &attributes, depth)
        case Slot.Attribute.graphs?: try appendGraphs(table, to: &attributes, depth)
        default: try appendPlain(table, to: &attributes, depth)
        }
    }

    private func appendKnown(_ table: FlatTable, to attributes: inout [Attribute]) throws -> Bool {
        guard let known = attributeTables[table.position] else { return false }
        try budget.share(known.cost)
        attributes.append(known.value)
        return true
    }

    private func appendGraph(_ table: FlatTable, to attributes: inout [Attribute], _ depth: Depth) throws {
        try claim(table.position)
        guard let child = try table.table(Slot.Attribute.g) else { return }
        let graph = try graph(child, depth)
        attributes.append(try frame(table, .graph(graph)))
    }

    private func appendGraphs(_ table: FlatTable, to attributes: inout [Attribute], _ depth: Depth) throws {
        try claim(table.position)
        let graphs = try sharedList(table, Slot.Attribute.graphs) { try graph($0, depth) }
        attributes.append(try frame(table, .graphs(graphs)))
    }

    /// An attribute without graphs.
    @inline(never)
    private func appendPlain(_ table: FlatTable, to attributes: inout [Attribute], _ depth: Depth) throws {
        let costBefore = budget.cost
        users.enter(attribute: try text(table, Slot.Attribute.name))
        let slot = try valueSlot(table)
        let type = try table.integer(Slot.Attribute.type, Int32.self) ?? 0
        let value = try slot.map { try plainValue(table, $0, depth) } ?? AttributeValue(emptyOf: type)
        guard let value else {
            throw ModelError(.damagedFile, "has the type \(type), 0 to \(AttributeValue.typeNames.count - 1) are known")
        }
        let attribute = try frame(table, value)
        switch value {
        case .tensor, .tensors, .sparseTensor, .sparseTensors:
            try claim(table.position)
        default:
            try budget.take(2 * MemoryLayout<Attribute>.stride)
            attributeTables[table.position] = (attribute, budget.cost - costBefore)
        }
        attributes.append(attribute)
    }

    /// The slot that holds the value; at most one does.
    private func valueSlot(_ table: FlatTable) throws -> Int? {
        var found: Int?
        for slot in Slot.Attribute.valueSlots where try table.field(slot, size: 1) != nil {
            if let other = found { throw ModelError(.damagedFile, "has two values, in its fields \(other) and \(slot)") }
            found = slot
        }
        return found
    }

    /// Everything but the value.
    @inline(never)
    private func frame(_ table: FlatTable, _ value: AttributeValue) throws -> Attribute {
        let type = try table.integer(Slot.Attribute.type, Int32.self)
        if let type, type != value.typeNumber {
            throw ModelError(.damagedFile, "is said to be of type \(type), its value is \(value.typeName)")
        }
        return Attribute(
            try text(table, Slot.Attribute.name), value, hasValue: try valueSlot(table) != nil, hasType: type != nil,
            referenceName: try text(table, Slot.Attribute.refAttrName), docString: try text(table, Slot.Attribute.docString),
            unknownFields: try bytes(table, Slot.Attribute.unknown))
    }

    private func plainValue(_ table: FlatTable, _ slot: Int, _ depth: Depth) throws -> AttributeValue? {
        switch slot {
        case Slot.Attribute.i: .int(try table.integer(slot, Int64.self) ?? 0)
        case Slot.Attribute.f: .float(Float(bitPattern: try table.integer(slot, UInt32.self) ?? 0))
        case Slot.Attribute.s: .string(try table.string(slot).map(utf8) ?? [])
        case Slot.Attribute.sBytes: .string(try bytes(table, slot))
        case Slot.Attribute.ints: .ints(try integers(table, slot) ?? [])
        case Slot.Attribute.floats: .floats(try floats(table, slot))
        case Slot.Attribute.strings: .strings(try texts(table, slot).map(\.bytes))
        case Slot.Attribute.stringsBytes: .strings(try sharedList(table, slot, bytesTable))
        case Slot.Attribute.t: try table.table(slot).map { try claim($0.position); return .tensor(try tensor($0)) }
        case Slot.Attribute.tensors: .tensors(try list(table, slot, tensor))
        case Slot.Attribute.sparseTensor: try table.table(slot).map { try claim($0.position); return .sparseTensor(try sparseTensor($0)) }
        case Slot.Attribute.sparseTensors: .sparseTensors(try list(table, slot, sparseTensor))
        case Slot.Attribute.tp: try table.table(slot).map { .type(try type($0, depth)) }
        case Slot.Attribute.typeProtos: .types(try sharedList(table, slot) { try type($0, depth) })
        default: try big(Int(table.integer(slot, UInt32.self) ?? 0))
        }
    }

    private func utf8(_ vector: FlatVector) throws -> [UInt8] {
        _ = try text(vector)
        return try bytes(vector)
    }

    private func bytesTable(_ table: FlatTable) throws -> [UInt8] {
        if let known = bytesTables[table.position] {
            try budget.share(known.count)
            return known
        }
        let value = try bytes(table, Slot.Bytes.data)
        try budget.take(2 * MemoryLayout<[UInt8]>.stride)
        bytesTables[table.position] = value
        return value
    }

    private func floats(_ table: FlatTable, _ slot: Int) throws -> [Float] {
        guard let vector = try table.vector(slot, stride: 4, alignment: 4) else { return [] }
        try budget.take(vector.count * 4 + 32)
        return try (0..<vector.count).map { Float(bitPattern: try buffer.load(UInt32.self, at: vector[$0], "a number")) }
    }

    // MARK: long values

    /// The value that a payload holds: FLOAT, INT64 and STRING are lists, UINT8 a string.
    private func big(_ id: Int) throws -> AttributeValue {
        guard id < tables.payloads.count else {
            throw ModelError(.damagedFile, "refers to payload \(id), the metadata has \(tables.payloads.count)")
        }
        users.add(id, tensor: nil)
        if let known = bigValues[id] {
            try budget.share(known.cost)
            return known.value
        }
        let costBefore = budget.cost
        let record = tables.payloads[id]
        guard record.dims.count == 1 else {
            throw ModelError(.damagedFile, "takes its value from payload \(id), which has \(record.dims.count) dims, 1 is needed")
        }
        let value = try within("payload \(id)") { try bigValue(record.elementType, values.areThere ? values.tensor(id) : nil) }
        bigValues[id] = (value, budget.cost - costBefore)
        return value
    }

    private func bigValue(_ type: ElementType, _ tensor: Tensor?) throws -> AttributeValue {
        switch type {
        case .float: return .floats(try tensor.map { try words(plainBytes($0), UInt32.self).map(Float.init(bitPattern:)) } ?? [])
        case .int64: return .ints(try tensor.map { try words(plainBytes($0), UInt64.self).map(Int64.init(bitPattern:)) } ?? [])
        case .uint8: return .string(try tensor.map(plainBytes) ?? [])
        case .string: return .strings(try tensor.map(strings) ?? [])
        default: throw ModelError(.damagedFile, "holds \(type), an attribute can take FLOAT, INT64, STRING or UINT8")
        }
    }

    private func plainBytes(_ tensor: Tensor) throws -> [UInt8] {
        guard case .plain(let bytes) = tensor.encoding, bytes.count == tensor.plainByteCount else {
            throw ModelError(.damagedFile, "holds the value of an attribute and is not plain")
        }
        try budget.take(2 * bytes.count)
        return try bytes.array()
    }

    private func words<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: [UInt8], _ type: T.Type) -> [T] {
        unsafe bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<T>.size).map {
                unsafe T(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
            }
        }
    }

    private func strings(_ tensor: Tensor) throws -> [[UInt8]] {
        guard case .strings(let list) = tensor.encoding else { throw ModelError(.damagedFile, "holds strings and is not a StringList") }
        try budget.take(2 * list.joined.count + list.ends.dims.reduce(0) { max($0, $1) } * 48)
        let joined = try list.joined.array()
        var start = 0
        return try words(plainBytes(list.ends), UInt64.self).map { end in
            guard let end = Int(exactly: end), end >= start, end <= joined.count else {
                throw ModelError(.damagedFile, "a string ends at \(end), from \(start) to \(joined.count) is possible")
            }
            defer { start = end }
            return Array(joined[start..<end])
        }
    }

    // MARK: tensors

    func tensor(_ table: FlatTable) throws -> Tensor {
        let name = try name(table, Slot.Tensor.name)
        return try within("tensor '\(name ?? "")'") {
            let payload = Int(try table.integer(Slot.Tensor.payload, UInt32.self) ?? 0)
            guard payload < tables.payloads.count else {
                throw ModelError(.damagedFile, "refers to payload \(payload), the metadata has \(tables.payloads.count)")
            }
            users.add(payload, tensor: name)
            var tensor = try values.tensor(payload)
            tensor.name = name
            tensor.docString = try text(table, Slot.Tensor.docString)
            tensor.metadata = try entries(table, Slot.Tensor.metadata)
            let source = try table.integer(Slot.Tensor.source, UInt8.self) ?? 0
            guard let field = TensorOrigin.Field(rawValue: source) else {
                throw ModelError(.damagedFile, "says that its values came from field \(source), 0 to 8 are known")
            }
            tensor.origin = TensorOrigin(
                field: field, dataLocation: try table.integer(Slot.Tensor.dataLocation, Int32.self),
                externalData: try entries(table, Slot.Tensor.external), unknownFields: try bytes(table, Slot.Tensor.unknown))
            return tensor
        }
    }

    func sparseTensor(_ table: FlatTable) throws -> SparseTensor {
        func part(_ slot: Int) throws -> Tensor? {
            try table.table(slot).map { part in
                try claim(part.position)
                return try tensor(part)
            }
        }
        return SparseTensor(
            values: try part(Slot.SparseTensor.values), indices: try part(Slot.SparseTensor.indices),
            dims: try (integers(table, Slot.SparseTensor.dims) ?? []).map { Int($0) }, unknownFields: try bytes(table, Slot.SparseTensor.unknown))
    }
}
