internal import CZlib

/// How one byte plane is coded.
package enum PlaneStrategy: Sendable {
    /// As it is.
    case stored
    /// Huffman codes only: right for weights, in which matches are chance.
    case huffman
    /// Huffman codes and runs.
    case runs
    /// Matches too, zlib's level 6.
    case matches

    fileprivate var zlib: Int32 {
        switch self {
        case .huffman: Z_HUFFMAN_ONLY
        case .runs: Z_RLE
        case .stored, .matches: Z_DEFAULT_STRATEGY
        }
    }
}

/// Deflates byte planes into blocks that end at a byte border and refer to nothing before them, so that blocks of planes
/// that were coded apart can be put one behind the other. One encoder state, some 400 KB, serves all: for one thread.
@safe
package final class PlaneDeflater {
    private let stream: UnsafeMutablePointer<z_stream>

    package init() throws {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // Raw deflate, window of 32 KiB; memory level 9: blocks of 32,768 symbols, the best of 7, 8 and 9 on 16-bit weights.
        let status = unsafe deflateInit2_(stream, 6, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            unsafe stream.deallocate()
            throw ModelError(.limit, "there is no memory for a compressor")
        }
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Bytes that `count` stored bytes take.
    package static func storedSize(_ count: Int) -> Int { count + 5 * max(1, ceilDivide(count, 65535)) }

    /// Room that `encode` may need for `count` bytes, whatever the strategy.
    package static func bound(_ count: Int) -> Int { count + count / 1000 + 64 }

    /// Writes `plane` to the start of `output`, which holds at least `bound(plane.count)` bytes, and returns the bytes
    /// written; stored when that is not longer. `isLast` ends the deflate stream.
    package func encode(
        _ plane: UnsafeRawBufferPointer, _ strategy: PlaneStrategy, isLast: Bool, into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(output.count >= Self.bound(plane.count), "too little room for a plane")
        if strategy != .stored {
            unsafe deflateReset(stream)
            unsafe deflateParams(stream, 6, strategy.zlib)
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: plane.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(plane.count)
            unsafe stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
            unsafe stream.pointee.avail_out = UInt32(min(output.count, Int(UInt32.max)))
            let status = unsafe deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
            let size = unsafe Int(stream.pointee.total_out)
            if status == (isLast ? Z_STREAM_END : Z_OK), unsafe stream.pointee.avail_in == 0, size < Self.storedSize(plane.count) { return size }
        }
        return unsafe store(plane, isLast: isLast, into: output)
    }

    /// Stored blocks of at most 65,535 bytes (RFC 1951, 3.2.4).
    private func store(_ plane: UnsafeRawBufferPointer, isLast: Bool, into output: UnsafeMutableRawBufferPointer) -> Int {
        var from = 0, to = 0
        repeat {
            let length = min(65535, plane.count - from)
            let header = [isLast && from + length == plane.count ? 1 : 0, length & 255, length >> 8, ~length & 255, ~length >> 8 & 255]
            for value in header {
                unsafe output[to] = UInt8(value)
                to += 1
            }
            if length > 0 {
                unsafe (output.baseAddress! + to).copyMemory(from: plane.baseAddress! + from, byteCount: length)
            }
            to += length
            from += length
        } while from < plane.count
        return to
    }
}
