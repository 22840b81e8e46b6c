internal import CSystem
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A file mapped read-only. The bytes stay valid as long as this object lives, even if the file is replaced by rename.
///
/// If the file is shortened in place, its lost part reads as zeros where `MappedFile.guardAgainstShortening()` was called
/// (a command-line tool should; a library should not own a signal), else the process gets SIGBUS. `checkUnchanged` tells
/// whether what was read is what the file held when it was opened.
@safe
public final class MappedFile: @unchecked Sendable {
    /// As given: for messages.
    public let path: String
    /// Size in bytes, at least 1.
    public let count: Int
    package let descriptor: Int32
    private let base: UnsafeRawPointer
    private let identity: thimble_file_identity
    private let guardSlot: Int32

    /// Opens and maps `path`; fails with `.io` if that cannot be done and with `.damagedFile` if the file is empty.
    public convenience init(_ path: String) throws {
        // O_NONBLOCK: opening a FIFO must not wait for its writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ModelError.system("cannot be opened", at: printable(path)) }
        try self.init(adopting: descriptor, path: path)
    }

    /// Maps an open file; `descriptor` is owned from here on, also when this throws.
    package init(adopting descriptor: Int32, path: String) throws {
        let place = printable(path)
        var status = stat()
        var identity = thimble_file_identity()
        guard unsafe fstat(descriptor, &status) == 0, unsafe thimble_identity(descriptor, &identity) == 0 else {
            defer { close(descriptor) }
            throw ModelError.system("cannot be read", at: place)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            defer { close(descriptor) }
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw ModelError(.io, isFolder ? "is a folder, not a file" : "is not a regular file", at: [place])
        }
        guard identity.size > 0 else {
            close(descriptor)
            throw ModelError(.damagedFile, "the file is empty", at: [place])
        }
        let count = Int(identity.size)
        guard let mapped = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), unsafe mapped != MAP_FAILED else {
            defer { close(descriptor) }
            throw ModelError.system("cannot be mapped", at: place)
        }
        self.path = path
        self.count = count
        self.descriptor = descriptor
        self.identity = identity
        unsafe self.base = UnsafeRawPointer(mapped)
        guardSlot = unsafe thimble_guard_register(mapped, count)
    }

    deinit {
        thimble_guard_unregister(guardSlot)
        unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
        close(descriptor)
    }

    /// Makes mapped files of this process survive being shortened: see the type's description. Call once, at start.
    public static func guardAgainstShortening() {
        _ = thimble_guard_install()
    }

    /// Lends `range`, which must lie within `0..<count`.
    public func withBytes<R>(_ range: Range<Int>, _ body: (RawSpan) throws -> R) rethrows -> R {
        try unsafe body(RawSpan(_unsafeBytes: pointer(range)))
    }

    /// The bytes of `range`, valid as long as this object.
    package func pointer(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside the mapped file")
        return unsafe UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Copies the bytes from `offset` on into `target`, past the mapping: nothing becomes resident, and a file that was
    /// shortened is an error.
    package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        precondition(offset >= 0 && target.count <= count - offset, "a range outside the mapped file")
        var done = 0
        while done < target.count {
            let got = unsafe pread(descriptor, target.baseAddress! + done, target.count - done, off_t(offset + done))
            if got < 0 && errno == EINTR { continue }
            guard got != 0 else {
                throw ModelError(.io, "was shortened while it was read; run again when nothing writes to it", at: [printable(path)])
            }
            guard got > 0 else { throw ModelError.system("cannot be read", at: printable(path)) }
            done += got
        }
    }

    /// Where `address` lies in the file, if it does.
    package func offset(of address: UnsafeRawPointer) -> Int? {
        let distance = unsafe address - base
        return distance >= 0 && distance < count ? distance : nil
    }

    /// Lets the pages of `range` leave memory; they come back from the file when touched.
    package func release(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        unsafe thimble_release_pages(base + range.lowerBound, range.count)
    }

    /// Tells the system not to read ahead: for looks at few places of a large file.
    package func adviseRandomAccess() {
        unsafe thimble_advise_random(base, count)
    }

    /// Lets the system read ahead again.
    package func adviseNormalAccess() {
        unsafe thimble_advise_normal(base, count)
    }

    /// True if both are the same file on the disk, whatever their paths.
    package func isSameFile(device: UInt64, inode: UInt64) -> Bool {
        identity.device == device && identity.inode == inode
    }

    /// Seconds and nanoseconds in one number; tells one version of a file from another.
    package var modifiedNanoseconds: Int64 { identity.modified_ns }

    /// Throws if the file was shortened, overwritten or touched since it was opened: what was read may be a mixture.
    /// A file that was replaced by rename or deleted is unchanged as far as this mapping goes.
    public func checkUnchanged() throws {
        var now = thimble_file_identity()
        let known = unsafe thimble_identity(descriptor, &now) == 0
        guard known, !thimble_guard_damaged(guardSlot), now.size == identity.size, now.modified_ns == identity.modified_ns else {
            throw ModelError(.io, "changed while it was read; run again when nothing writes to it", at: [printable(path)])
        }
    }
}

extension ModelError {
    /// An error with the system's own words for the current `errno`.
    package static func system(_ what: String, at place: String) -> ModelError {
        let number = errno
        let words = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        return ModelError(.io, "\(what): \(words.prefix(1).lowercased() + words.dropFirst())", at: [place])
    }
}
