package import Tensors

/// Gives the tensors of a file their values, in place or decoded when read. Checks the tables against the format's rules.
///
/// Opening looks at the tables only. A payload that uses a codec, filter, encoding or data type that this version does not
/// know fails when it is asked for, with `.unsupported`; so does one whose sizes break a rule of its encoding, with `.damagedFile`.
package final class PayloadReader: @unchecked Sendable {
    let tables: PayloadTables
    let file: MappedFile
    let metadata: Range<Int>
    let maxDecoded: Int
    private let cache: ChunkCache
    private let lock = Lock()
    private var tensors: [Tensor?]
    private var segments: [CompressedSegment?]
    private var decoded = 0

    /// Throws if a rule of sections 4, 5 and 7 of the format is broken. `metadata` is the range of the metadata block in the file.
    package init(_ tables: PayloadTables, file: MappedFile, metadata: Range<Int>, maxDecoded: Int) throws {
        try PayloadCheck(tables: tables, fileSize: file.count, metadata: metadata).run()
        self.tables = tables
        self.file = file
        self.metadata = metadata
        self.maxDecoded = maxDecoded
        cache = ChunkCache(limit: maxDecoded)
        tensors = [Tensor?](repeating: nil, count: tables.payloads.count)
        segments = [CompressedSegment?](repeating: nil, count: tables.segments.count)
    }

    /// The tensor of a payload id, without a name.
    package func tensor(_ id: Int) throws -> Tensor {
        guard id >= 0, id < tables.payloads.count else {
            throw ModelError(.damagedFile, "payload \(id) is asked for, the file has \(tables.payloads.count)")
        }
        return try lock.locked { try load(id) }
    }

    /// Components have lower ids and may not nest further than their users allow, so that this ends soon.
    private func load(_ id: Int) throws -> Tensor {
        if let tensor = tensors[id] { return tensor }
        let record = tables.payloads[id]
        let tensor = try within("payload \(id)") {
            guard record.elementType.isKnown else {
                throw ModelError(.unsupported, "has \(record.elementType), which this version does not know")
            }
            let bytes = try bytes(of: record)
            let tensor = Tensor(record.elementType, dims: record.dims, encoding: try encoding(record.encoding, bytes))
            try tensor.checkEncoding()
            try charge(tensor, bytes)
            return tensor
        }
        tensors[id] = tensor
        return tensor
    }

    private func bytes(of record: PayloadRecord) throws -> TensorBytes {
        switch record.data {
        case .inline(let bytes): return TensorBytes(bytes)
        case .blob(let number, let offset, let size):
            let segment = tables.segments[number]
            // The ranges were checked when the file was opened.
            if segment.codec == 0 { return try TensorBytes(file, segment.offset + offset..<segment.offset + offset + size) }
            return TensorBytes(try compressed(number), offset..<offset + size)
        }
    }

    private func compressed(_ number: Int) throws -> CompressedSegment {
        if let segment = segments[number] { return segment }
        let segment = try within("segment \(number)") { try makeCompressed(number) }
        segments[number] = segment
        return segment
    }

    /// Not kept: for one pass over a segment.
    func makeCompressed(_ number: Int) throws -> CompressedSegment {
        let record = tables.segments[number]
        guard record.codec == 1 else { throw ModelError(.unsupported, "uses codec \(record.codec); this version knows codecs 0 and 1") }
        let filter = try Filter(number: record.filter, width: record.width)
        var position = record.offset
        let chunks = tables.chunks[record.firstChunk..<record.firstChunk + record.chunkCount].map { chunk in
            defer { position += chunk.storedSize }
            return CompressedSegment.Chunk(stored: position..<position + chunk.storedSize, isVerbatim: chunk.isVerbatim, crc32: chunk.crc32)
        }
        let layout = ChunkLayout(rawSize: record.rawSize, log2: Int(record.chunkLog2), width: filter.width)
        return CompressedSegment(file, filter: filter, layout: layout, chunks: chunks, cache: cache, place: "segment \(number)")
    }

    private func encoding(_ encoding: PayloadRecord.Encoding, _ bytes: TensorBytes) throws -> Encoding {
        switch encoding {
        case .plain: return .plain(bytes)
        case .affine(let bits, let isSigned, let block, let scale, let zeroPoint):
            return .affine(
                Affine(
                    bits: bits, isSigned: isSigned, block: block, codes: bytes, scale: try component(scale, .palette),
                    zeroPoint: try zeroPoint.map { try component($0, .plain) }))
        case .palette(let bits, let block, let table, let vector):
            return .palette(Palette(bits: bits, block: block, vector: vector, indices: bytes, table: try component(table, .plain)))
        case .bitmask(let values, let n, let m, let axis):
            return .bitmask(Bitmask(mask: bytes, values: try component(values, .affine), hint: (n, m, axis)))
        case .stringList(let ends): return .strings(StringList(joined: bytes, ends: try component(ends, .plain)))
        case .gaps(let values): return .gaps(Gaps(gaps: bytes, values: try component(values, .affine)))
        case .transposed(let of):
            guard bytes.count == 0 else { throw ModelError(.damagedFile, "is a transpose, but has \(bytes.count) bytes of its own") }
            return .transposed(Transposed(of: try component(of, .plain)))
        case .unknown(let tag): throw ModelError(.unsupported, "uses encoding \(tag), which this version does not know")
        }
    }

    /// How far components may nest.
    private enum Allowed: Int {
        case plain = 0, palette, affine
    }

    /// Refuses what may not be a component before it is loaded, so that a chain of payloads is not a chain of calls.
    private func component(_ id: Int, _ allowed: Allowed) throws -> Tensor {
        let level: Int? =
            switch tables.payloads[id].encoding {
            case .plain: 0
            case .palette: 1
            case .affine: 2
            case .unknown: 0
            default: nil
            }
        guard let level, level <= allowed.rawValue else {
            throw ModelError(.damagedFile, "has payload \(id) as a component, whose encoding cannot be one here")
        }
        return try load(id)
    }

    /// Counts what a tensor's values take once they are decoded, so that small data cannot become endless ones.
    private func charge(_ tensor: Tensor, _ bytes: TensorBytes) throws {
        let size: Int
        switch tensor.encoding {
        case .plain, .strings: size = bytes.isInPlace ? 0 : bytes.count
        default: size = tensor.plainByteCount ?? 0
        }
        guard let sum = checkedAdd(decoded, size), sum <= maxDecoded else {
            throw ModelError(
                .limit, "decodes to \(printable(bytes: size)) beside \(printable(bytes: decoded)) of other payloads; the limit is \(printable(bytes: maxDecoded)) (--max-decoded)")
        }
        decoded = sum
    }

    /// Everything that a full check finds: checksums of segments and chunks, gaps, decoding. `users` names the tensors of a payload.
    package func verify(users: (Int) -> String) -> [String] {
        PayloadVerifier(self).run(users: users)
    }
}
