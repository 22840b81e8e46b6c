import Tensors

/// The rules of sections 4, 5 and 7 of the file format that the tables alone can break. Every sum and product over their
/// numbers is checked for overflow.
struct PayloadCheck {
    let tables: PayloadTables
    let fileSize: Int
    /// Where the metadata block lies.
    let metadata: Range<Int>

    private static let headerSize = 64
    private static let largestGap = 65_535
    private static let plainAlignment = 64
    /// What a 2-bit rank, a union or a vector of the schema cannot exceed.
    private static let mostEntries = Int(UInt32.max) - 1

    /// Throws at the first rule that is broken.
    func run() throws {
        for (what, count) in [("payloads", tables.payloads.count), ("segments", tables.segments.count), ("chunks", tables.chunks.count)] {
            guard count <= Self.mostEntries else { throw ModelError(.limit, "has \(count) \(what), the limit is \(Self.mostEntries)") }
        }
        try checkSegments()
        for (id, payload) in tables.payloads.enumerated() { try within("payload \(id)") { try check(payload, id) } }
    }

    // --- segments

    private func checkSegments() throws {
        var end = Self.headerSize, nextChunk = 0
        var metadataIsPassed = false
        for (index, segment) in tables.segments.enumerated() {
            try within("segment \(index)") {
                if !metadataIsPassed, segment.offset >= metadata.lowerBound {
                    try checkGap(from: end, to: metadata.lowerBound)
                    end = metadata.upperBound
                    metadataIsPassed = true
                }
                guard segment.offset >= end else {
                    throw ModelError(.damagedFile, "begins at byte \(segment.offset), before the end of what lies before it at \(end)")
                }
                try checkGap(from: end, to: segment.offset)
                guard segment.storedSize >= 0, segment.rawSize >= 0, let segmentEnd = checkedAdd(segment.offset, segment.storedSize), segmentEnd <= fileSize
                else {
                    throw ModelError(
                        .damagedFile, "needs \(segment.storedSize) bytes from byte \(segment.offset) on, the file has \(fileSize)")
                }
                try check(segment, nextChunk: &nextChunk)
                end = segmentEnd
            }
        }
        if !metadataIsPassed {
            guard metadata.lowerBound >= end else {
                throw ModelError(.damagedFile, "the metadata begins at byte \(metadata.lowerBound), before the end of the last segment at \(end)")
            }
            try checkGap(from: end, to: metadata.lowerBound)
            end = metadata.upperBound
        }
        try checkGap(from: end, to: fileSize)
        guard nextChunk == tables.chunks.count else {
            throw ModelError(.damagedFile, "the segments use \(nextChunk) chunks, the table has \(tables.chunks.count)")
        }
    }

    private func checkGap(from end: Int, to start: Int) throws {
        guard start - end <= Self.largestGap else {
            throw ModelError(.damagedFile, "\(start - end) unused bytes lie before byte \(start), the limit is \(Self.largestGap)")
        }
    }

    private func check(_ segment: SegmentRecord, nextChunk: inout Int) throws {
        switch segment.codec {
        case 0: try checkPlain(segment)
        case 1: try checkCompressed(segment, nextChunk: &nextChunk)
        default:
            // Not for this version; its chunks are counted so that those behind it are found.
            guard segment.chunkCount >= 0, let next = checkedAdd(nextChunk, segment.chunkCount), next <= tables.chunks.count else {
                throw ModelError(.damagedFile, "uses \(segment.chunkCount) chunks from \(nextChunk) on, the table has \(tables.chunks.count)")
            }
            nextChunk = next
        }
    }

    private func checkPlain(_ segment: SegmentRecord) throws {
        let alignment = segment.rawSize >= 1 << 20 ? 16384 : Self.plainAlignment
        guard segment.offset % alignment == 0 else {
            throw ModelError(.damagedFile, "begins at byte \(segment.offset), which is not a multiple of \(alignment)")
        }
        guard segment.storedSize == segment.rawSize else {
            throw ModelError(.damagedFile, "is plain, but takes \(segment.storedSize) bytes for \(segment.rawSize)")
        }
        guard segment.chunkCount == 0, segment.filter == 0, segment.chunkLog2 == 0 else {
            throw ModelError(
                .damagedFile,
                "is plain, but has \(segment.chunkCount) chunks, filter \(segment.filter) and chunk size 2^\(segment.chunkLog2); all three must be 0")
        }
    }

    private func checkCompressed(_ segment: SegmentRecord, nextChunk: inout Int) throws {
        guard segment.offset % 8 == 0 else { throw ModelError(.damagedFile, "begins at byte \(segment.offset), which is not a multiple of 8") }
        guard (12...24).contains(segment.chunkLog2) else {
            throw ModelError(.damagedFile, "has chunks of 2^\(segment.chunkLog2) bytes; the format has 2^12 to 2^24")
        }
        guard segment.firstChunk == nextChunk, segment.chunkCount >= 0, let next = checkedAdd(nextChunk, segment.chunkCount),
            next <= tables.chunks.count
        else {
            throw ModelError(
                .damagedFile,
                "uses \(segment.chunkCount) chunks from \(segment.firstChunk) on; chunk \(nextChunk) is the next and the table has \(tables.chunks.count)")
        }
        defer { nextChunk = next }
        // A width of 0 would divide by it; unknown filters are refused when a payload asks for them.
        guard (1...8).contains(segment.width) else { throw ModelError(.damagedFile, "has a width of \(segment.width), it must be 1 to 8") }
        var filter: Filter?
        if segment.filter <= 3 { filter = try Filter(number: segment.filter, width: segment.width) }
        let layout = ChunkLayout(rawSize: segment.rawSize, log2: Int(segment.chunkLog2), width: Int(segment.width))
        guard layout.count == segment.chunkCount else {
            throw ModelError(.damagedFile, "has \(segment.chunkCount) chunks, its \(segment.rawSize) bytes make \(layout.count)")
        }
        var stored = 0
        for index in 0..<segment.chunkCount {
            let chunk = tables.chunks[nextChunk + index], raw = layout.range(index).count
            try within("chunk \(index)") {
                guard chunk.storedSize >= 0, let sum = checkedAdd(stored, chunk.storedSize) else {
                    throw ModelError(.damagedFile, "has \(chunk.storedSize) bytes")
                }
                stored = sum
                if chunk.isVerbatim {
                    guard chunk.storedSize == raw else {
                        throw ModelError(.damagedFile, "holds \(chunk.storedSize) bytes as they are where \(raw) belong")
                    }
                } else if let filter, !ChunkDecoder.isPossible(stored: chunk.storedSize, inflated: filter.filteredCount(raw)) {
                    throw ModelError(
                        .damagedFile, "claims to inflate \(chunk.storedSize) bytes to \(filter.filteredCount(raw)), more than deflate can")
                }
            }
        }
        guard stored == segment.storedSize else {
            throw ModelError(.damagedFile, "takes \(segment.storedSize) bytes, its chunks \(stored)")
        }
    }

    // --- payloads

    private func check(_ payload: PayloadRecord, _ id: Int) throws {
        guard payload.dims.count <= 64 else { throw ModelError(.damagedFile, "has rank \(payload.dims.count), the limit is 64") }
        guard elementCount(of: payload.dims) != nil else {
            throw ModelError(.damagedFile, "has dims \(payload.dims); each must be 0 to 2^48 and so must their product")
        }
        for component in payload.encoding.components where component < 0 || component >= id {
            throw ModelError(.damagedFile, "refers to payload \(component); a payload may refer only to lower ids than its own \(id)")
        }
        switch payload.data {
        case .inline(let bytes):
            guard bytes.count <= 1024 else { throw ModelError(.damagedFile, "has \(bytes.count) bytes in the metadata, the limit is 1,024") }
        case .blob(let segment, let offset, let size): try checkBlob(segment, offset, size)
        }
    }

    private func checkBlob(_ number: Int, _ offset: Int, _ size: Int) throws {
        guard number >= 0, number < tables.segments.count else {
            throw ModelError(.damagedFile, "lies in segment \(number), the file has \(tables.segments.count)")
        }
        let segment = tables.segments[number]
        guard offset >= 0, size >= 0, let end = checkedAdd(offset, size), end <= segment.rawSize else {
            throw ModelError(.damagedFile, "needs \(size) bytes from byte \(offset) of segment \(number) on, which has \(segment.rawSize)")
        }
        let alignment = segment.codec == 0 && size >= 1024 ? 64 : 8
        guard offset % alignment == 0 else {
            throw ModelError(.damagedFile, "begins at byte \(offset) of segment \(number), which is not a multiple of \(alignment)")
        }
        if segment.codec == 1, segment.filter == Filter.Kind.unpackBits.rawValue, offset % Int(segment.width) != 0 {
            throw ModelError(
                .damagedFile, "begins at byte \(offset) of segment \(number), whose \(segment.width)-bit codes ask for a multiple of \(segment.width)")
        }
    }
}

extension PayloadRecord.Encoding {
    /// The payloads that it refers to.
    package var components: [Int] {
        switch self {
        case .plain, .unknown: []
        case .affine(_, _, _, let scale, let zeroPoint): [scale] + (zeroPoint.map { [$0] } ?? [])
        case .palette(_, _, let table, _): [table]
        case .bitmask(let values, _, _, _): [values]
        case .stringList(let ends): [ends]
        case .gaps(let values): [values]
        case .transposed(let of): [of]
        }
    }
}
