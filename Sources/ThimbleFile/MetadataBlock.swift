internal import CZlib
internal import Tensors

/// The metadata as it lies in the file: checked, and inflated if it is compressed.
enum MetadataBlock {
    /// The CRC-32 of zlib and IEEE 802.3.
    static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        unsafe UInt32(crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
    }

    static func read(_ file: MappedFile, _ header: Header, limit: Int = MetadataLimit.bytes) throws -> FlatBuffer {
        guard header.metadataRaw <= limit else {
            throw ModelError(
                .limit, "the metadata takes \(printable(bytes: header.metadataRaw)), more than the limit of \(printable(bytes: limit))")
        }
        let stored = unsafe file.pointer(header.metadata)
        let crc = unsafe crc32(stored)
        guard crc == header.metadataCRC32 else {
            throw ModelError(
                .damagedFile, "the metadata's checksum is \(hex(crc)), \(hex(header.metadataCRC32)) is stored: the metadata is damaged")
        }
        guard header.isCompressed else { return try unsafe FlatBuffer(stored, owner: file) }
        let memory = try OwnedMemory(byteCount: header.metadataRaw)
        try unsafe inflate(stored, into: memory.bytes)
        return try unsafe FlatBuffer(UnsafeRawBufferPointer(memory.bytes), owner: memory)
    }

    /// Fails unless `stored` is one whole RFC 1950 stream of exactly as many bytes as `target` has.
    private static func inflate(_ stored: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws {
        var stream = unsafe z_stream()
        unsafe stream.next_in = UnsafeMutablePointer(mutating: stored.bindMemory(to: UInt8.self).baseAddress)
        unsafe stream.avail_in = UInt32(stored.count)
        unsafe stream.next_out = target.bindMemory(to: UInt8.self).baseAddress
        unsafe stream.avail_out = UInt32(target.count)
        guard unsafe inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw ModelError(.limit, "there is no memory to inflate the metadata")
        }
        defer { unsafe inflateEnd(&stream) }
        let result = unsafe CZlib.inflate(&stream, Z_FINISH)
        let made = unsafe target.count - Int(stream.avail_out)
        switch result {
        case Z_STREAM_END:
            guard made == target.count else {
                throw ModelError(.damagedFile, "the metadata inflates to \(made) bytes, \(target.count) are needed")
            }
            guard unsafe stream.avail_in == 0 else {
                throw ModelError(.damagedFile, unsafe "\(stream.avail_in) bytes follow the end of the compressed metadata")
            }
        case Z_BUF_ERROR, Z_OK:
            throw ModelError(
                .damagedFile,
                made == target.count
                    ? "the metadata inflates to more than the \(target.count) bytes that the header says"
                    : "the compressed metadata ends after \(made) of \(target.count) bytes")
        default:
            throw ModelError(.damagedFile, "the compressed metadata is no zlib stream (zlib: \(result))")
        }
    }

    /// Metadata beyond this size gets zlib's level 6: level 9 takes four times as long there and saves next to nothing.
    private static let bestLevelLimit = 2 << 20

    /// One RFC 1950 stream, or nil where that would not be smaller.
    static func deflated(_ bytes: [UInt8]) throws -> [UInt8]? {
        var stream = unsafe z_stream()
        let level = bytes.count <= bestLevelLimit ? Z_BEST_COMPRESSION : Z_DEFAULT_COMPRESSION
        let status = unsafe deflateInit2_(
            &stream, level, Z_DEFLATED, 15, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw ModelError(.limit, "there is no memory to compress the metadata") }
        defer { unsafe deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: bytes.count - 1)
        let result = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.avail_in = UInt32(input.count)
                unsafe stream.next_out = output.baseAddress
                unsafe stream.avail_out = UInt32(output.count)
                return unsafe deflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END else { return nil }
        output.removeLast(unsafe Int(stream.avail_out))
        return output
    }
}
