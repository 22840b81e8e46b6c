internal import Tensors

/// The parts of a file and what lies between them.
struct FileLayout {
    /// Files up to this size are checked wholly when they are opened: it costs less than a millisecond.
    static let smallFile = 1 << 20
    /// No gap is as long as this.
    static let gapLimit = 65_536

    private let file: MappedFile
    private let segments: [SegmentRecord]
    private let parts: [Range<Int>]

    /// Throws if parts overlap or leave the file.
    init(_ file: MappedFile, _ header: Header, _ segments: [SegmentRecord]) throws {
        self.file = file
        self.segments = segments
        var parts = [0..<Header.byteCount, header.metadata]
        for (index, segment) in segments.enumerated() {
            guard let end = checkedAdd(segment.offset, segment.storedSize), end <= file.count else {
                throw ModelError(
                    .damagedFile,
                    "segment \(index) is said to take \(segment.storedSize) bytes from byte \(segment.offset), the file ends at \(file.count)")
            }
            parts.append(segment.offset..<end)
        }
        parts.sort { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
        for (a, b) in zip(parts, parts.dropFirst()) where a.upperBound > b.lowerBound {
            throw ModelError(.damagedFile, "bytes \(b.lowerBound) to \(min(a.upperBound, b.upperBound)) belong to two parts of the file")
        }
        self.parts = parts
    }

    private func checkGap(_ gap: Range<Int>) throws {
        guard gap.count < Self.gapLimit else {
            throw ModelError(
                .damagedFile,
                "bytes \(gap.lowerBound) to \(gap.upperBound) belong to no part of the file; a gap has less than \(Self.gapLimit) bytes")
        }
        if let first = unsafe file.pointer(gap).firstIndex(where: { $0 != 0 }) {
            throw ModelError(.damagedFile, "byte \(gap.lowerBound + first) lies between two parts of the file and is not zero")
        }
    }

    /// Throws if a gap is not zero; in small files, also if a segment does not have its checksum.
    func check() throws {
        var end = 0
        for part in parts + [file.count..<file.count] {
            try checkGap(end..<part.lowerBound)
            end = part.upperBound
        }
        guard file.count <= Self.smallFile else { return }
        for (index, segment) in segments.enumerated() {
            let crc = unsafe MetadataBlock.crc32(file.pointer(segment.offset..<segment.offset + segment.storedSize))
            guard crc == segment.crc32 else {
                throw ModelError(
                    .damagedFile, "segment \(index) has the checksum \(hex(crc)), \(hex(segment.crc32)) is stored: values are damaged")
            }
        }
    }
}
