internal import CZlib

/// Turns the stored bytes of chunks back into raw ones, and believes nothing (file format, section 5.1).
package enum ChunkDecoder {
    /// True if deflate could make `inflated` bytes out of `stored`.
    package static func isPossible(stored: Int, inflated: Int) -> Bool {
        guard let most = checkedMultiply(stored, 1032).flatMap({ checkedAdd($0, 64) }) else { return true }
        return most >= inflated
    }

    /// Fills `raw` from a chunk's stored bytes.
    package static func decode(
        _ stored: UnsafeRawBufferPointer, isVerbatim: Bool, filter: Filter, into raw: UnsafeMutableRawBufferPointer
    ) throws {
        if isVerbatim {
            guard stored.count == raw.count else {
                throw ModelError(.damagedFile, "holds \(stored.count) bytes as they are where \(raw.count) belong")
            }
            unsafe raw.copyMemory(from: stored)
            return
        }
        let count = filter.filteredCount(raw.count)
        guard isPossible(stored: stored.count, inflated: count) else {
            throw ModelError(.damagedFile, "claims to inflate \(stored.count) bytes to \(count), more than deflate can")
        }
        guard filter.kind != .none else { return try unsafe inflate(stored, into: raw) }
        let filtered = try OwnedMemory(byteCount: count)
        try unsafe inflate(stored, into: filtered.bytes)
        try unsafe filter.undo(UnsafeRawBufferPointer(filtered.bytes), into: raw)
    }

    /// Inflates one RFC 1950 stream (of RFC 1951 if `isRaw`) that makes up all of `stored` into exactly `output.count` bytes.
    package static func inflate(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, isRaw: Bool = false) throws {
        var stream = unsafe z_stream()
        guard unsafe inflateInit2_(&stream, isRaw ? -15 : 15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw ModelError(.limit, "there is no memory for a decompressor")
        }
        defer { _ = unsafe inflateEnd(&stream) }
        guard let storedCount = UInt32(exactly: stored.count), let outputCount = UInt32(exactly: output.count) else {
            throw ModelError(.limit, "a deflate stream of more than 4 GiB is not read")
        }
        unsafe stream.next_in = UnsafeMutablePointer(mutating: stored.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.avail_in = storedCount
        unsafe stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_out = outputCount
        let status = unsafe CZlib.inflate(&stream, Z_FINISH)
        let made = unsafe output.count - Int(stream.avail_out)
        switch status {
        case Z_STREAM_END:
            guard made == output.count else { throw ModelError(.damagedFile, "inflates to \(made) bytes where \(output.count) belong") }
            guard unsafe stream.avail_in == 0 else {
                throw ModelError(.damagedFile, unsafe "has \(stream.avail_in) bytes behind the end of its deflate stream")
            }
        case Z_NEED_DICT: throw ModelError(.damagedFile, "asks for a preset dictionary, which the format does not allow")
        case Z_MEM_ERROR: throw ModelError(.limit, "there is no memory for a decompressor")
        case Z_DATA_ERROR:
            let words = unsafe stream.msg.map { unsafe String(cString: $0) } ?? "unknown reason"
            throw ModelError(.damagedFile, "does not inflate: \(words), after \(made) of \(output.count) bytes")
        default:
            // Input or room ran out before the end of the stream.
            if unsafe stream.avail_in == 0 { throw ModelError(.damagedFile, "is cut off after \(made) of \(output.count) inflated bytes") }
            throw ModelError(.damagedFile, "inflates to more than the \(output.count) bytes that belong there")
        }
    }
}
