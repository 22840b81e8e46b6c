internal import CSystem
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Memory whose size a file decides: running out of it is an error, not a trap.
@safe
package final class OwnedMemory: @unchecked Sendable {
    private enum Origin {
        case heap
        case mapping
        case part(of: OwnedMemory)
    }

    package let bytes: UnsafeMutableRawBufferPointer
    private let origin: Origin

    /// Aligned to 64 bytes, not cleared. Fails with `.limit` if the system has no such amount.
    package init(byteCount: Int) throws {
        var base: UnsafeMutableRawPointer?
        guard byteCount >= 0, unsafe posix_memalign(&base, 64, max(byteCount, 1)) == 0, let base = unsafe base else {
            throw Self.none(byteCount)
        }
        unsafe bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        origin = .heap
    }

    /// The same for memory that is made seldom and kept for long: much of it comes from the system in large pages.
    package init(lasting byteCount: Int) throws {
        var base: UnsafeMutableRawPointer?
        guard byteCount >= 0 else { throw Self.none(byteCount) }
        if byteCount > Self.largePage / 2 {
            unsafe base = thimble_map_memory(byteCount)
            origin = .mapping
        } else {
            if unsafe posix_memalign(&base, 64, max(byteCount, 1)) != 0 { unsafe base = nil }
            origin = .heap
        }
        guard let base = unsafe base else { throw Self.none(byteCount) }
        unsafe bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    /// `range` of `whole`, which lives as long.
    package init(_ range: Range<Int>, of whole: OwnedMemory) {
        unsafe bytes = UnsafeMutableRawBufferPointer(rebasing: whole.bytes[range])
        origin = .part(of: whole)
    }

    deinit {
        switch origin {
        case .heap: unsafe free(bytes.baseAddress)
        case .mapping: if let base = unsafe bytes.baseAddress { unsafe thimble_unmap_memory(base, bytes.count) }
        case .part: break
        }
    }

    /// Bytes that such memory of `count` has from the system anyway: up to the end of a large page of which the most part is asked for.
    package static func lastingBytes(_ count: Int) -> Int {
        guard count >= 0, count % largePage > largePage / 2, let end = checkedAdd(count, largePage - count % largePage) else { return count }
        return end
    }

    /// Bytes of what processors of both kinds call a large page.
    package static let largePage = 2 << 20

    private static func none(_ byteCount: Int) -> ModelError {
        ModelError(.limit, "there is no memory for \(printable(bytes: byteCount))")
    }
}
