internal import Tensors

/// About how large a file would be with `--zlib`, from samples of its weights: all of them where there are few.
enum Estimate {
    struct Part {
        let bytes: TensorBytes
        let elementType: ElementType
    }

    /// Pieces of weights that are tried.
    private static let pieceCount = 16
    private static let pieceSize = 1 << 16
    /// Below it a tensor lies in the metadata.
    private static let smallest = 64
    /// The most of the metadata that is tried: matches take longer to find than counts.
    private static let metadataBudget = 1 << 18

    /// `metadata`: the bytes of the file that are not values, where they are not compressed yet.
    static func zlib(
        of parts: [Part], metadata: [TensorBytes], fileByteCount: Int, sharedByteCount: Int, threads: Int = processorCount
    ) throws -> Int? {
        let parts = parts.filter { $0.bytes.count >= smallest && $0.bytes.isInPlace }
        guard let total = parts.reduce(Optional(0), { sum, part in sum.flatMap { checkedAdd($0, part.bytes.count) } }) else { return nil }
        let pieces = total <= pieceCount * pieceSize ? wholly(parts) : spread(over: parts, total: total)
        let text = try firstBytes(of: metadata)
        let results = SampleSizes(count: pieces.count + text.count)
        try concurrently(pieces.count + text.count, threads: threads) { index in
            results.set(index, try index < text.count ? compressedSize(text[index]) : compressedSize(pieces[index - text.count]))
        }
        let sizes = results.all
        let weights = saving(of: pieces.map(\.bytes.count), to: sizes[text.count...], in: max(0, total - sharedByteCount))
        let rest = saving(of: text.map(\.count), to: sizes[..<text.count], in: metadata.reduce(0) { $0 + $1.count })
        return max(0, fileByteCount - sharedByteCount - weights - rest)
    }

    /// About what a `.thimble` has beyond the text of an `.onnx`: header, payload and segment tables, offsets of each node; compressed.
    static func tables(nodes: Int) -> Int { 600 + 12 * nodes }

    /// What `whole` bytes would save if all were like the samples.
    private static func saving(of samples: [Int], to compressed: ArraySlice<Int>, in whole: Int) -> Int {
        let raw = samples.reduce(0, +), size = compressed.reduce(0, +)
        return raw == 0 ? 0 : Int(Double(whole) * (1 - Double(size) / Double(raw)))
    }

    /// In pieces as large as they are compressed.
    private static func firstBytes(of parts: [TensorBytes]) throws -> [[UInt8]] {
        var bytes: [UInt8] = []
        for part in parts where bytes.count < metadataBudget {
            bytes += try part.copy(0..<min(part.count, metadataBudget - bytes.count))
        }
        return stride(from: 0, to: bytes.count, by: pieceSize).map { Array(bytes[$0..<min(bytes.count, $0 + pieceSize)]) }
    }

    private static func wholly(_ parts: [Part]) -> [Part] {
        parts.flatMap { part in
            stride(from: 0, to: part.bytes.count, by: pieceSize).map { start in
                Part(bytes: part.bytes.slice(start..<min(part.bytes.count, start + pieceSize)), elementType: part.elementType)
            }
        }
    }

    /// Pieces at equal distances over all weights, so that a tensor counts as much as it weighs.
    private static func spread(over parts: [Part], total: Int) -> [Part] {
        var pieces: [Part] = []
        var start = 0
        for part in parts {
            let end = start + part.bytes.count
            while pieces.count < pieceCount, total / pieceCount * pieces.count + total / (2 * pieceCount) < end {
                let at = total / pieceCount * pieces.count + total / (2 * pieceCount) - start
                let width = part.elementType.storageWidth
                let from = max(0, min(at, part.bytes.count - pieceSize)) / width * width
                pieces.append(Part(bytes: part.bytes.slice(from..<min(part.bytes.count, from + pieceSize)), elementType: part.elementType))
            }
            start = end
        }
        return pieces
    }

    private static func compressedSize(_ piece: Part) throws -> Int {
        let raw = try piece.bytes.copy(0..<piece.bytes.count)
        let width = piece.elementType.storageWidth
        let kind: Filter.Kind = width == 1 ? .none : piece.elementType.isFloat ? .rot1ByteShuffle : .byteShuffle
        guard let filter = Filter(kind, width: width) else { return raw.count }
        return try compressedSize(raw, filter, .quick(matches: false))
    }

    private static func compressedSize(_ text: [UInt8]) throws -> Int {
        guard let filter = Filter(.none, width: 1) else { return text.count }
        return try compressedSize(text, filter, .quick(matches: true))
    }

    private static func compressedSize(_ raw: [UInt8], _ filter: Filter, _ effort: ChunkEncoder.Effort) throws -> Int {
        let encoder = try ChunkEncoder(chunkLength: raw.count)
        return unsafe raw.withUnsafeBytes { unsafe encoder.encode($0, filter: filter, effort: effort)?.count ?? raw.count }
    }
}

/// Results of threads, by index.
private final class SampleSizes: @unchecked Sendable {
    private let lock = Lock()
    private var sizes: [Int]

    init(count: Int) { sizes = [Int](repeating: 0, count: count) }

    func set(_ index: Int, _ size: Int) { lock.locked { sizes[index] = size } }
    var all: [Int] { lock.locked { sizes } }
}
