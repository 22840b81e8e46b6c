internal import CZlib

/// CRC-32 as zlib computes it (reflected polynomial EDB88320): what every checksum of the file format is.
package enum Checksum {
    /// Of `bytes`, continuing from `crc`.
    package static func crc32(_ bytes: UnsafeRawBufferPointer, from crc: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return crc }
        return UInt32(truncatingIfNeeded: unsafe crc32_z(uLong(crc), base.assumingMemoryBound(to: UInt8.self), z_size_t(bytes.count)))
    }

    package static func crc32(_ bytes: [UInt8], from crc: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe crc32($0, from: crc) }
    }

    /// Of two pieces one behind the other, the second of `count` bytes.
    package static func crc32(combining first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_combine(uLong(first), uLong(second), count))
    }

    /// Of `count` zero bytes behind what `crc` covers.
    package static func crc32(zeros count: Int, from crc: UInt32) -> UInt32 {
        let zeros = [UInt8](repeating: 0, count: 4096)
        var crc = crc, left = count
        while left > 0 {
            crc = unsafe zeros.withUnsafeBytes { unsafe crc32(UnsafeRawBufferPointer(rebasing: $0[..<min(left, 4096)]), from: crc) }
            left -= min(left, 4096)
        }
        return crc
    }

    /// Adler-32 of `bytes`, continuing from `adler` (1 at the start).
    package static func adler32(_ bytes: UnsafeRawBufferPointer, from adler: UInt32 = 1) -> UInt32 {
        guard let base = bytes.baseAddress else { return adler }
        return UInt32(truncatingIfNeeded: unsafe adler32_z(uLong(adler), base.assumingMemoryBound(to: UInt8.self), z_size_t(bytes.count)))
    }
}
