internal import Tensors
internal import ThimbleFile

extension Inspection.Container {
    init(_ contents: ThimbleFile.Contents) {
        let source = contents.entries.first?.source
        self.init(
            writer: contents.writer?.text, requires: contents.requires.map(\.text), modelKeys: contents.entries.map(\.key.text),
            metadataStoredByteCount: contents.metadataStored, metadataRawByteCount: contents.metadataRaw, sourceName: source?.fileName?.text,
            sourceByteCount: source?.byteCount, isSourceByteExact: source?.isByteExact ?? false, isLossy: source?.isLossy ?? false)
    }
}

extension Inspection.StorageShare {
    /// What the storage tables of a `.thimble` say. A compressed segment that several payloads share is divided among them by size.
    static func of(_ tables: PayloadTables) -> [Self] {
        var shares: [Self] = []
        for payload in tables.payloads {
            let (codec, bytes, stored) = place(of: payload.data, in: tables)
            let encoding = payload.encoding.word
            let index = shares.firstIndex { $0.encoding == encoding && $0.codec == codec } ?? shares.endIndex
            if index == shares.endIndex { shares.append(.init(encoding: encoding, codec: codec)) }
            shares[index].count += 1
            shares[index].byteCount = checkedAdd(shares[index].byteCount, bytes) ?? .max
            shares[index].storedByteCount = checkedAdd(shares[index].storedByteCount, stored) ?? .max
        }
        return shares.sorted { ($1.byteCount, $0.encoding, $0.codec) < ($0.byteCount, $1.encoding, $1.codec) }
    }

    private static func place(of data: PayloadRecord.Data, in tables: PayloadTables) -> (codec: String, bytes: Int, stored: Int) {
        switch data {
        case .inline(let bytes): return ("inline", bytes.count, bytes.count)
        case .blob(let index, _, let size):
            guard tables.segments.indices.contains(index) else { return ("unknown", size, size) }
            let segment = tables.segments[index]
            guard segment.codec != 0 else { return ("none", size, size) }
            let part = Double(size) / Double(max(segment.rawSize, 1)) * Double(segment.storedSize)
            return (segment.codec == 1 ? "zlib" : "codec \(segment.codec)", size, Int(part.rounded()))
        }
    }
}

extension PayloadRecord.Encoding {
    var word: String {
        switch self {
        case .plain: "plain"
        case .affine: "affine"
        case .palette: "palette"
        case .bitmask: "bitmask"
        case .stringList: "strings"
        case .gaps: "gaps"
        case .transposed: "transposed"
        case .unknown(let tag): "encoding \(tag)"
        }
    }
}
