internal import CSystem
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Room for intermediate bytes in a file without a name: written through a mapping by any number of threads, it does not count as memory of the
/// process, and is gone when the process ends, however it ends. Holes cost no space.
@safe
package final class ScratchFile: @unchecked Sendable {
    private let descriptor: Int32
    private let folder: String
    private let count: Int
    private let base: UnsafeMutableRawPointer

    /// In `folder`, of `count` bytes, at least 1, that read as zeros until they are written.
    package init(in folder: String, byteCount count: Int) throws {
        let place = printable(folder)
        let open = Self.open(folder)
        guard open >= 0 else { throw ModelError.system("no file for intermediate results can be made here", at: place) }
        guard count > 0, ftruncate(open, off_t(count)) == 0,
            let mapped = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, open, 0), unsafe mapped != MAP_FAILED
        else {
            defer { close(open) }
            throw ModelError.system("there is no room for \(printable(bytes: count)) of intermediate results", at: place)
        }
        descriptor = open
        self.folder = folder
        self.count = count
        unsafe base = mapped
    }

    private static func open(_ folder: String) -> Int32 {
        let parent = openFolder(folder)
        guard parent >= 0 else { return -1 }
        defer { close(parent) }
        let unnamed = thimble_open_unnamed(parent, 0o600)
        if unnamed >= 0 { return unnamed }
        // No such files here: one with a name, which is taken away at once.
        let name = ".thimble.\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
        let named = unsafe openat(parent, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if named >= 0 { unsafe unlinkat(parent, name, 0) }
        return named
    }

    deinit {
        unsafe munmap(base, count)
        close(descriptor)
    }

    /// The bytes of `range`, valid as long as this object. Threads write to different ones.
    package func pointer(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside its file")
        return unsafe UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// The same bytes to read, for as long as they are used.
    package func mapped() throws -> MappedFile {
        let copy = dup(descriptor)
        guard copy >= 0 else { throw ModelError.system("intermediate results cannot be read", at: printable(folder)) }
        return try MappedFile(adopting: copy, path: folder)
    }
}

private func openFolder(_ folder: String) -> Int32 {
    unsafe open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
}
