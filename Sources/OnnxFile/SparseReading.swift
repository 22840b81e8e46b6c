internal import Tensors

/// Keeps a large file out of memory while only the places between its payloads are read: the system maps up to a megabyte
/// around each touched page, which adds up over a hundred tensors.
struct SparseReading {
    private static let interval = 8 << 20
    private var passedBytes = 0

    /// A payload of `count` bytes was passed over. Now and then, all pages of `file` are let go; those needed come back.
    mutating func passed(_ count: Int, in file: MappedFile) {
        guard file.count > OnnxFile.sparseReadingSize else { return }
        passedBytes += count
        guard passedBytes >= Self.interval else { return }
        passedBytes = 0
        file.release(0..<file.count)
    }
}
