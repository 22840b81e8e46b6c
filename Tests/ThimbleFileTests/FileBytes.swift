import Tensors
@testable import ThimbleFile

/// The bytes of a `.thimble` file, to be changed and put in order again.
struct FileBytes {
    var bytes: [UInt8]

    init(_ path: String) throws {
        bytes = try contents(path)
    }

    /// A file without values whose metadata is `metadata`.
    init(metadata: [UInt8]) {
        bytes = [UInt8](repeating: 0, count: 64) + metadata
        setHeader(metadataOffset: 64, metadataStored: metadata.count)
    }

    mutating func setHeader(metadataOffset: Int, metadataStored: Int) {
        let header = Header(
            fileSize: bytes.count, metadataOffset: metadataOffset, metadataStored: metadataStored, metadataRaw: metadataStored,
            metadataCRC32: 0, isCompressed: false)
        bytes.replaceSubrange(0..<64, with: header.bytes)
        repair()
    }

    func number(at offset: Int, bytes count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    mutating func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        var new: [UInt8] = []
        new.appendLittleEndian(value)
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }

    var metadata: Range<Int> {
        let start = number(at: 32, bytes: 8)
        return start..<start + number(at: 40, bytes: 4)
    }

    /// Makes the two checksums right that stand before every other check.
    mutating func repair() {
        put(crc32(bytes[metadata]), at: 48)
        repairHeader()
    }

    mutating func repairHeader() {
        put(crc32(bytes[0..<60]), at: 60)
    }

    private func crc32(_ slice: ArraySlice<UInt8>) -> UInt32 {
        unsafe slice.withUnsafeBytes { unsafe MetadataBlock.crc32($0) }
    }
}
