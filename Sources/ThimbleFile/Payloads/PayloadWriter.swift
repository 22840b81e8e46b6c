package import Tensors

/// Streams values into the segments of a file, equal ones once.
///
/// Up to 64 bytes go into the metadata; less than 64 KiB are gathered with others of their width; more get a segment of their
/// own. Payload ids are given on the first visit, components before their users.
package final class PayloadWriter {
    private enum Place: Hashable {
        case inline([UInt8])
        case content(Int)
    }

    /// What makes two payloads the same.
    private struct Identity: Hashable {
        let type: ElementType
        let dims: [Int]
        let place: Place
        /// The encoding's numbers, its kind first.
        let encoding: [Int]
    }

    /// Where content lies: in the own segment of that number, or in a pack of that width.
    private enum Location {
        case own(Int)
        case pack(width: Int, number: Int, offset: Int)
    }

    private struct Record {
        let type: ElementType
        let dims: [Int]
        let place: Place
        let encoding: PayloadRecord.Encoding
    }

    private static let inlineLimit = 64
    private static let ownLimit = 1 << 16
    private static let packLimit = 4 << 20
    /// Own segments wait until so many bytes are together: the threads then have work for a while.
    private static let batchLimit = 32 << 20

    private let output: OutputFile
    private let options: ThimbleFile.WriteOptions
    private let compressed: CompressedSegments?
    private var plainRecords: [SegmentRecord] = []
    private var records: [Record] = []
    private var identities: [Identity: Int] = [:]
    private let contents = ContentIndex()
    private let transposes = TransposeIndex()
    private var locations: [Location] = []
    private var sizes: [Int] = []
    private var waiting: [SegmentContent] = []
    private var waitingBytes = 0
    private var ownCount = 0
    private var packs: [Int: [SegmentContent]] = [:]

    /// Bytes of all values that were added, as plain elements, each tensor counted.
    package private(set) var plainByteCount = 0
    /// Bytes that were not stored because equal ones were.
    package private(set) var sharedByteCount = 0

    /// Appends to `output`, of which the header's place is already filled.
    package init(_ output: OutputFile, options: ThimbleFile.WriteOptions) throws {
        guard (12...24).contains(options.chunkLog2) else {
            throw ModelError(.badArgument, "chunks of 2^\(options.chunkLog2) bytes; the format has 2^12 to 2^24")
        }
        self.output = output
        self.options = options
        compressed = options.zlib ? CompressedSegments(output, log2: options.chunkLog2, threads: options.threads) : nil
    }

    /// Stores the values of `tensor` (its name does not matter) and returns its payload id.
    package func add(_ tensor: Tensor) throws -> Int {
        try tensor.checkEncoding()
        if case .strings(let list) = tensor.encoding { plainByteCount += list.joined.count } else { plainByteCount += tensor.plainByteCount ?? 0 }
        return try store(tensor, mayTranspose: true)
    }

    private func store(_ tensor: Tensor, mayTranspose: Bool) throws -> Int {
        switch tensor.encoding {
        case .plain(let bytes):
            return try storePlain(tensor, bytes, mayTranspose: mayTranspose)
        case .strings(let list):
            let ends = try store(list.ends, mayTranspose: false)
            return try record(tensor, list.joined, width: 1, .stringList(ends: ends), [1, ends])
        case .affine(let affine):
            let scale = try store(affine.scale, mayTranspose: false)
            let zero = try affine.zeroPoint.map { try store($0, mayTranspose: false) }
            return try record(
                tensor, affine.codes, width: Self.width(ofCodes: affine.bits),
                .affine(bits: affine.bits, isSigned: affine.isSigned, block: affine.block, scale: scale, zeroPoint: zero),
                [2, affine.bits, affine.isSigned ? 1 : 0, scale, zero ?? -1] + (affine.block ?? [-1]))
        case .palette(let palette):
            let table = try store(palette.table, mayTranspose: false)
            return try record(
                tensor, palette.indices, width: Self.width(ofCodes: palette.bits),
                .palette(bits: palette.bits, block: palette.block, table: table, vector: palette.vector),
                [3, palette.bits, palette.vector, table] + (palette.block ?? [-1]))
        case .bitmask(let bitmask):
            let values = try store(bitmask.values, mayTranspose: false), hint = bitmask.hint
            return try record(
                tensor, bitmask.mask, width: 1, .bitmask(values: values, hintN: hint.n, hintM: hint.m, hintAxis: hint.axis),
                [4, values, hint.n, hint.m, hint.axis])
        case .gaps(let gaps):
            let values = try store(gaps.values, mayTranspose: false)
            return try record(tensor, gaps.gaps, width: 1, .gaps(values: values), [5, values])
        case .transposed(let transposed):
            let id = try store(transposed.of, mayTranspose: false)
            // The transpose of a transpose is stored.
            if case .transposed(let of) = records[id].encoding { return of }
            return try record(tensor, .inline([]), .transposed(of: id), [6, id])
        }
    }

    /// Codes of 3, 5, 6 and 7 bits are unpacked before deflate, of 16 bits parted into two planes.
    private static func width(ofCodes bits: Int) -> Int {
        switch bits {
        case 3, 5, 6, 7: bits
        case 16: 2
        default: 1
        }
    }

    /// The same payload first, then the same bytes for other dims or another type, then the transpose of a stored matrix.
    private func storePlain(_ tensor: Tensor, _ bytes: TensorBytes, mayTranspose: Bool) throws -> Int {
        let equal = bytes.count > Self.inlineLimit ? try contents.find(bytes) : nil
        if let equal, let id = identities[identity(tensor, .content(equal), [0])] {
            sharedByteCount += bytes.count
            return id
        }
        if mayTranspose, let of = try transposes.find(tensor, bytes), equal == nil || identities[identity(tensor, .inline([]), [6, of])] != nil {
            sharedByteCount += bytes.count
            return try record(tensor, .inline([]), .transposed(of: of), [6, of])
        }
        let known = records.count
        let id = try record(tensor, try place(bytes, width: tensor.elementType.storageWidth, equal: equal), .plain, [0])
        if id == known { try transposes.add(tensor, bytes, payload: id) }
        return id
    }

    private func identity(_ tensor: Tensor, _ place: Place, _ numbers: [Int]) -> Identity {
        Identity(type: tensor.elementType, dims: tensor.dims, place: place, encoding: numbers)
    }

    private func record(
        _ tensor: Tensor, _ bytes: TensorBytes, width: Int, _ encoding: PayloadRecord.Encoding, _ numbers: [Int]
    ) throws -> Int {
        let equal = bytes.count > Self.inlineLimit ? try contents.find(bytes) : nil
        return try record(tensor, try place(bytes, width: width, equal: equal), encoding, numbers)
    }

    private func record(_ tensor: Tensor, _ place: Place, _ encoding: PayloadRecord.Encoding, _ numbers: [Int]) throws -> Int {
        let identity = identity(tensor, place, numbers)
        if let id = identities[identity] { return id }
        identities[identity] = records.count
        records.append(Record(type: tensor.elementType, dims: tensor.dims, place: place, encoding: encoding))
        return records.count - 1
    }

    /// `equal`: the content that `bytes` are equal to.
    private func place(_ bytes: TensorBytes, width: Int, equal: Int?) throws -> Place {
        guard bytes.count > Self.inlineLimit else { return .inline(try bytes.array()) }
        if let number = equal {
            sharedByteCount += bytes.count
            return .content(number)
        }
        let number = try contents.add(bytes)
        sizes.append(bytes.count)
        if bytes.count < Self.ownLimit {
            locations.append(pack(bytes, width: width))
        } else {
            locations.append(.own(ownCount))
            ownCount += 1
            var content = SegmentContent(width: width)
            content.append(bytes)
            waiting.append(content)
            waitingBytes += bytes.count
            if waitingBytes >= Self.batchLimit { try writeWaiting() }
        }
        return .content(number)
    }

    private func pack(_ bytes: TensorBytes, width: Int) -> Location {
        var list = packs[width] ?? []
        if list.isEmpty || list[list.count - 1].nextOffset(for: bytes.count) + bytes.count > Self.packLimit {
            list.append(SegmentContent(width: width))
        }
        let offset = list[list.count - 1].nextOffset(for: bytes.count)
        // Taken out of the dictionary so that it is not copied with each value.
        packs[width] = nil
        list[list.count - 1].append(bytes)
        packs[width] = list
        return .pack(width: width, number: list.count - 1, offset: offset)
    }

    private func writeWaiting() throws {
        if let compressed {
            try compressed.write(waiting)
        } else {
            plainRecords += try PlainSegments.write(waiting, to: output, threads: options.threads)
        }
        waiting = []
        waitingBytes = 0
    }

    /// Writes what is pending and returns the tables. Nothing may be added afterwards.
    package func finish() throws -> PayloadTables {
        var firstPack: [Int: Int] = [:], next = ownCount
        for width in packs.keys.sorted() {
            firstPack[width] = next
            next += packs[width]?.count ?? 0
            waiting += packs[width] ?? []
        }
        try writeWaiting()
        var tables = PayloadTables()
        tables.segments = compressed?.segments ?? plainRecords
        tables.chunks = compressed?.chunks ?? []
        tables.payloads = records.map { record in
            PayloadRecord(elementType: record.type, dims: record.dims, data: data(record.place, firstPack), encoding: record.encoding)
        }
        return tables
    }

    private func data(_ place: Place, _ firstPack: [Int: Int]) -> PayloadRecord.Data {
        switch place {
        case .inline(let bytes): return .inline(bytes)
        case .content(let number):
            switch locations[number] {
            case .own(let segment): return .blob(segment: segment, offset: 0, size: sizes[number])
            case .pack(let width, let index, let offset):
                return .blob(segment: (firstPack[width] ?? 0) + index, offset: offset, size: sizes[number])
            }
        }
    }
}
