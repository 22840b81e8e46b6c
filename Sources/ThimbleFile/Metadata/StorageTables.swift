internal import Tensors

/// `payloads`, `segments` and `chunks` of the schema, both ways.
extension FlatBufferBuilder {
    mutating func payload(_ record: PayloadRecord) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.Payload.dtype, FlatValue(record.elementType.rawValue))
        fields.set(Slot.Payload.dims, try vector(record.dims))
        switch record.data {
        case .inline(let bytes): fields.set(Slot.Payload.dataInline, try vector(bytes, stride: 1, alignment: 8))
        case .blob(let segment, let offset, let size):
            fields.set(Slot.Payload.data, .structure([UInt64(offset), UInt64(size), UInt64(segment)]))
        }
        if let (tag, body) = encoding(record.encoding) {
            fields.set(Slot.Payload.encodingType, .byte(tag))
            var body = body
            if let block = record.encoding.block { body.set(block.slot, try vector(block.lengths.map { UInt32($0) })) }
            fields.set(Slot.Payload.encoding, try table(body))
        }
        return try table(fields)
    }

    private func encoding(_ encoding: PayloadRecord.Encoding) -> (tag: UInt8, body: FlatFields)? {
        var body = FlatFields()
        switch encoding {
        case .plain: return nil
        case .affine(let bits, let isSigned, _, let scale, let zeroPoint):
            body.set(Slot.Affine.bits, .byte(UInt8(bits)))
            body.set(Slot.Affine.isSigned, FlatValue(isSigned))
            body.set(Slot.Affine.scale, .word(UInt32(scale)))
            body.set(Slot.Affine.zeroPoint, zeroPoint.map { .word(UInt32($0)) })
            return (EncodingTag.affine, body)
        case .palette(let bits, _, let table, let vector):
            body.set(Slot.Palette.bits, .byte(UInt8(bits)))
            body.set(Slot.Palette.lut, .word(UInt32(table)))
            body.set(Slot.Palette.vector, .short(UInt16(vector)))
            return (EncodingTag.palette, body)
        case .bitmask(let values, let hintN, let hintM, let hintAxis):
            body.set(Slot.Bitmask.values, .word(UInt32(values)))
            body.set(Slot.Bitmask.hintN, .byte(UInt8(hintN)))
            body.set(Slot.Bitmask.hintM, .byte(UInt8(hintM)))
            body.set(Slot.Bitmask.hintAxis, FlatValue(Int32(hintAxis)))
            return (EncodingTag.bitmask, body)
        case .stringList(let id): return (EncodingTag.stringList, reference(id))
        case .gaps(let id): return (EncodingTag.gaps, reference(id))
        case .transposed(let id): return (EncodingTag.transposed, reference(id))
        case .unknown: preconditionFailure("an encoding that this version does not know was to be written")
        }
    }

    private func reference(_ payload: Int) -> FlatFields {
        var body = FlatFields()
        body.set(Slot.Reference.payload, .word(UInt32(payload)))
        return body
    }

    mutating func segments(_ records: [SegmentRecord]) throws -> FlatOffset? {
        if records.isEmpty { return nil }
        var bytes: [UInt8] = []
        for record in records {
            for size in [record.offset, record.storedSize, record.rawSize] { bytes.appendLittleEndian(UInt64(size)) }
            for number in [UInt32(record.firstChunk), UInt32(record.chunkCount), record.crc32] { bytes.appendLittleEndian(number) }
            bytes += [record.codec, record.filter, record.width, record.chunkLog2]
        }
        return try vector(bytes, stride: 40, alignment: 8)
    }

    mutating func chunks(_ records: [ChunkRecord]) throws -> FlatOffset? {
        if records.isEmpty { return nil }
        var bytes: [UInt8] = []
        for record in records {
            bytes.appendLittleEndian(UInt32(record.storedSize) | (record.isVerbatim ? 1 << 31 : 0))
            bytes.appendLittleEndian(record.crc32)
        }
        return try vector(bytes, stride: 8, alignment: 4)
    }
}

extension PayloadRecord.Encoding {
    /// The cell lengths of a grid and the slot that holds them.
    fileprivate var block: (slot: Int, lengths: [Int])? {
        switch self {
        case .affine(_, _, let block?, _, _): (Slot.Affine.block, block)
        case .palette(_, let block?, _, _): (Slot.Palette.block, block)
        default: nil
        }
    }
}

extension FlatBytes {
    func segments(_ root: FlatTable) throws -> [SegmentRecord] {
        guard let list = try root.vector(Slot.Root.segments, stride: 40, alignment: 8) else { return [] }
        return try (0..<list.count).map { index in
            let at = list[index]
            func size(_ offset: Int, _ what: String) throws -> Int {
                try fileSize(try load(UInt64.self, at: at + offset, what), "\(what) of segment \(index)")
            }
            func byte(_ offset: Int) throws -> UInt8 { try load(UInt8.self, at: at + offset, "a segment") }
            return SegmentRecord(
                offset: try size(0, "the offset"), storedSize: try size(8, "the stored size"), rawSize: try size(16, "the raw size"),
                firstChunk: Int(try load(UInt32.self, at: at + 24, "a segment")),
                chunkCount: Int(try load(UInt32.self, at: at + 28, "a segment")),
                crc32: try load(UInt32.self, at: at + 32, "a segment"), codec: try byte(36), filter: try byte(37), width: try byte(38),
                chunkLog2: try byte(39))
        }
    }

    func chunks(_ root: FlatTable) throws -> [ChunkRecord] {
        guard let list = try root.vector(Slot.Root.chunks, stride: 8, alignment: 4) else { return [] }
        return try (0..<list.count).map { index in
            let stored = try load(UInt32.self, at: list[index], "a chunk")
            return ChunkRecord(
                storedSize: Int(stored & 0x7fff_ffff), isVerbatim: stored >> 31 == 1,
                crc32: try load(UInt32.self, at: list[index] + 4, "a chunk"))
        }
    }

    private func fileSize(_ value: UInt64, _ what: @autoclosure () -> String) throws -> Int {
        guard let size = Int(exactly: value) else { throw ModelError(.damagedFile, "\(what()) is \(value), more than any file holds") }
        return size
    }

    /// `id` is the payload's own.
    func payload(_ table: FlatTable, id: Int) throws -> PayloadRecord {
        try within("payload \(id)") {
            PayloadRecord(
                elementType: ElementType(rawValue: try table.integer(Slot.Payload.dtype, Int32.self) ?? 0), dims: try dims(table),
                data: try data(table), encoding: try encoding(table, id: id))
        }
    }

    private func dims(_ table: FlatTable) throws -> [Int] {
        guard let list = try table.vector(Slot.Payload.dims, stride: 8, alignment: 8) else { return [] }
        guard list.count <= 64 else { throw ModelError(.damagedFile, "has \(list.count) dims, at most 64 are allowed") }
        return try (0..<list.count).map { Int(try load(Int64.self, at: list[$0], "a dim")) }
    }

    private func data(_ table: FlatTable) throws -> PayloadRecord.Data {
        let inline = try table.vector(Slot.Payload.dataInline, stride: 1, alignment: 8)
        let blob = try table.field(Slot.Payload.data, size: 24)
        switch (inline, blob) {
        case (let inline?, nil):
            guard inline.count <= 1024 else {
                throw ModelError(.damagedFile, "holds \(inline.count) bytes in the metadata, at most 1024 are allowed")
            }
            return .inline(unsafe withBytes(inline.byteRange) { unsafe Array($0) })
        case (nil, let at?):
            return .blob(
                segment: Int(try load(UInt32.self, at: at + 16, "a blob")),
                offset: try fileSize(try load(UInt64.self, at: at, "a blob"), "the offset"),
                size: try fileSize(try load(UInt64.self, at: at + 8, "a blob"), "the size"))
        case (nil, nil): throw ModelError(.damagedFile, "has no bytes: neither data nor data_inline is there")
        default: throw ModelError(.damagedFile, "has its bytes twice: data and data_inline are both there")
        }
    }

    private func encoding(_ payload: FlatTable, id: Int) throws -> PayloadRecord.Encoding {
        let tag = try payload.integer(Slot.Payload.encodingType, UInt8.self) ?? 0
        let table = try payload.table(Slot.Payload.encoding)
        if tag > EncodingTag.transposed { return .unknown(tag) }
        guard let body = table else {
            guard tag == 0 else { throw ModelError(.damagedFile, "has an encoding of kind \(tag) without its table") }
            return .plain
        }
        func reference(_ slot: Int) throws -> Int {
            let other = Int(try body.integer(slot, UInt32.self) ?? 0)
            guard other < id else {
                throw ModelError(.damagedFile, "refers to payload \(other); only payloads with a lower id than its own are allowed")
            }
            return other
        }
        switch tag {
        case EncodingTag.affine:
            let zeroPoint = try body.integer(Slot.Affine.zeroPoint, UInt32.self) ?? MetadataLimit.noPayload
            return .affine(
                bits: Int(try body.integer(Slot.Affine.bits, UInt8.self) ?? 0), isSigned: try body.bool(Slot.Affine.isSigned) ?? false,
                block: try block(body, Slot.Affine.block), scale: try reference(Slot.Affine.scale),
                zeroPoint: zeroPoint == MetadataLimit.noPayload ? nil : try reference(Slot.Affine.zeroPoint))
        case EncodingTag.palette:
            return .palette(
                bits: Int(try body.integer(Slot.Palette.bits, UInt8.self) ?? 0), block: try block(body, Slot.Palette.block),
                table: try reference(Slot.Palette.lut), vector: Int(try body.integer(Slot.Palette.vector, UInt16.self) ?? 1))
        case EncodingTag.bitmask:
            return .bitmask(
                values: try reference(Slot.Bitmask.values), hintN: Int(try body.integer(Slot.Bitmask.hintN, UInt8.self) ?? 0),
                hintM: Int(try body.integer(Slot.Bitmask.hintM, UInt8.self) ?? 0),
                hintAxis: Int(try body.integer(Slot.Bitmask.hintAxis, Int32.self) ?? -1))
        case EncodingTag.stringList: return .stringList(ends: try reference(Slot.Reference.payload))
        case EncodingTag.gaps: return .gaps(values: try reference(Slot.Reference.payload))
        case EncodingTag.transposed: return .transposed(of: try reference(Slot.Reference.payload))
        default: throw ModelError(.damagedFile, "has the table of an encoding but no kind of it")
        }
    }

    private func block(_ body: FlatTable, _ slot: Int) throws -> [Int]? {
        guard let list = try body.vector(slot, stride: 4, alignment: 4) else { return nil }
        guard list.count <= 64 else { throw ModelError(.damagedFile, "has \(list.count) block lengths, at most 64 are allowed") }
        return try (0..<list.count).map { Int(try load(UInt32.self, at: list[$0], "a block length")) }
    }
}
