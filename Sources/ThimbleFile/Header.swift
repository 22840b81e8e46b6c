internal import CZlib
internal import Tensors

/// The first 64 bytes of a file: where the metadata is. `Schemas/thimble-format.md`, section 2, says what each field means.
struct Header: Equatable {
    static let byteCount = 64
    static let magic: [UInt8] = [0x89, 0x54, 0x48, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a]
    static let major: UInt16 = 1
    /// Bits of `incompat`.
    static let metadataIsCompressed: UInt32 = 1

    var minor: UInt16 = 0
    var incompat: UInt32 = 0
    var compat: UInt32 = 0
    var fileSize: Int
    var metadataOffset: Int
    var metadataStored: Int
    var metadataRaw: Int
    var metadataCRC32: UInt32

    var isCompressed: Bool { incompat & Self.metadataIsCompressed != 0 }
    var metadata: Range<Int> { metadataOffset..<metadataOffset + metadataStored }

    /// Refuses what is no `.thimble` file, what a later version wrote in a way that this one cannot read, and what is damaged.
    init(_ file: MappedFile) throws {
        guard file.count >= Self.byteCount else {
            try file.withBytes(0..<file.count) { try Self.checkMagic($0) }
            throw ModelError(.damagedFile, "has \(file.count) bytes, the header alone takes \(Self.byteCount)")
        }
        self = try file.withBytes(0..<Self.byteCount) { bytes in
            try Self.checkMagic(bytes)
            return try Header(bytes)
        }
        guard file.count == fileSize else {
            throw ModelError(
                .damagedFile,
                "has \(file.count) bytes, its header says \(fileSize): "
                    + (file.count < fileSize ? "its end is missing" : "something was added at its end"))
        }
        try checkMetadata()
    }

    init(fileSize: Int, metadataOffset: Int, metadataStored: Int, metadataRaw: Int, metadataCRC32: UInt32, isCompressed: Bool) {
        incompat = isCompressed ? Self.metadataIsCompressed : 0
        self.fileSize = fileSize
        self.metadataOffset = metadataOffset
        self.metadataStored = metadataStored
        self.metadataRaw = metadataRaw
        self.metadataCRC32 = metadataCRC32
    }

    private init(_ bytes: RawSpan) throws {
        func short(_ offset: Int) -> UInt16 { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self).littleEndian }
        func word(_ offset: Int) -> UInt32 { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian }
        func long(_ offset: Int) -> UInt64 { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian }
        guard short(8) == Self.major else {
            throw ModelError(.unsupported, "is of format \(short(8)).\(short(10)), Thimble \(ThimbleVersion.text) reads format \(Self.major)")
        }
        guard word(12) == 64 else { throw ModelError(.damagedFile, "the header says that it has \(word(12)) bytes, 64 are needed") }
        let crc = unsafe bytes.withUnsafeBytes { unsafe MetadataBlock.crc32(UnsafeRawBufferPointer(rebasing: $0[0..<60])) }
        guard crc == word(60) else {
            throw ModelError(.damagedFile, "the header's checksum is \(hex(crc)), \(hex(word(60))) is stored: the header is damaged")
        }
        let unknown = word(16) & ~Self.metadataIsCompressed
        guard unknown == 0 else {
            throw ModelError(
                .unsupported,
                "uses feature bit \(unknown.trailingZeroBitCount), which Thimble \(ThimbleVersion.text) does not know; read it with a newer version")
        }
        guard long(52) == 0 else {
            throw ModelError(.damagedFile, "the header's reserved bytes 52 to 59 hold \(hex(long(52))), they must be zero")
        }
        guard let size = Int(exactly: long(24)), let offset = Int(exactly: long(32)) else {
            throw ModelError(.damagedFile, "the header says \(long(24)) bytes with the metadata at \(long(32)), more than any file has")
        }
        minor = short(10)
        incompat = word(16)
        compat = word(20)
        fileSize = size
        metadataOffset = offset
        metadataStored = Int(word(40))
        metadataRaw = Int(word(44))
        metadataCRC32 = word(48)
    }

    private func checkMetadata() throws {
        guard metadataOffset >= Self.byteCount, metadataOffset % 64 == 0 else {
            throw ModelError(.damagedFile, "the metadata is said to lie at byte \(metadataOffset), a multiple of 64 from 64 on is needed")
        }
        guard let end = checkedAdd(metadataOffset, metadataStored), end <= fileSize else {
            throw ModelError(
                .damagedFile, "the metadata is said to take \(metadataStored) bytes from byte \(metadataOffset), the file ends at \(fileSize)")
        }
        guard metadataRaw >= 16, metadataRaw <= Int(Int32.max) else {
            throw ModelError(.damagedFile, "the metadata is said to have \(metadataRaw) bytes, at least 16 and less than 2^31 are needed")
        }
        guard isCompressed || metadataRaw == metadataStored else {
            throw ModelError(
                .damagedFile, "the metadata is not compressed, yet has \(metadataStored) bytes in the file and \(metadataRaw) outside of it")
        }
        // Deflate shrinks to no less than one part in 1,032 (a repetition of 258 bytes takes two bits).
        guard !isCompressed || metadataStored * 1032 + 64 >= metadataRaw else {
            throw ModelError(.damagedFile, "the metadata is said to grow from \(metadataStored) to \(metadataRaw) bytes, deflate cannot do that")
        }
    }

    var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.appendLittleEndian(Self.major)
        bytes.appendLittleEndian(minor)
        bytes.appendLittleEndian(UInt32(Self.byteCount))
        bytes.appendLittleEndian(incompat)
        bytes.appendLittleEndian(compat)
        bytes.appendLittleEndian(UInt64(fileSize))
        bytes.appendLittleEndian(UInt64(metadataOffset))
        bytes.appendLittleEndian(UInt32(metadataStored))
        bytes.appendLittleEndian(UInt32(metadataRaw))
        bytes.appendLittleEndian(metadataCRC32)
        bytes.appendLittleEndian(0 as UInt64)
        bytes.appendLittleEndian(unsafe bytes.withUnsafeBytes { unsafe MetadataBlock.crc32($0) })
        return bytes
    }

    // MARK: what else it may be

    private static func checkMagic(_ bytes: RawSpan) throws {
        let start = (0..<min(bytes.byteCount, 16)).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        guard Array(start.prefix(8)) != magic else { return }
        throw ModelError(.damagedFile, "is not a .thimble file: \(guess(start, of: bytes))")
    }

    private static func guess(_ start: [UInt8], of bytes: RawSpan) -> String {
        func starts(_ text: String) -> Bool { start.starts(with: Array(text.utf8)) }
        if start.allSatisfy({ $0 == 0 }) { return "it starts with zeros, as one does whose writing was interrupted" }
        if Array(start.prefix(8)) == Array(magic.prefix(start.count)) { return "it ends within the first 8 bytes" }
        if start.count >= 4, Array(start[1..<4]) == Array("THM".utf8) {
            return "the line ends in its first bytes were changed, as by a transfer in text mode"
        }
        if starts("PK\u{3}\u{4}") { return "it is a ZIP archive (PyTorch, Keras and NumPy use them)" }
        if start.starts(with: [0x1f, 0x8b]) { return "it is compressed with gzip" }
        if starts("GGUF") { return "it is a GGUF file" }
        if starts("\u{89}HDF") || start.starts(with: [0x89, 0x48, 0x44, 0x46]) { return "it is an HDF5 file" }
        if start.count >= 8, Array(start[4..<8]) == Array("TFL3".utf8) { return "it is a TensorFlow Lite file" }
        if start.count >= 9, start[8] == UInt8(ascii: "{"), start[4..<8].allSatisfy({ $0 == 0 }) { return "it is a safetensors file" }
        // Field 1 of ModelProto, ir_version, comes first in what every exporter writes.
        if start.count >= 2, start[0] == 0x08, start[1] < 64 { return "it looks like an ONNX model" }
        if start.allSatisfy({ $0 >= 9 && $0 < 127 }) { return "it is text: '\(printable(utf8: start))'" }
        return "its first bytes are \(start.prefix(8).map { hex($0) }.joined(separator: " "))"
    }
}

/// Fixed-width hexadecimal digits.
func hex<T: FixedWidthInteger & UnsignedInteger>(_ value: T) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: MemoryLayout<T>.size * 2 - digits.count) + digits
}
