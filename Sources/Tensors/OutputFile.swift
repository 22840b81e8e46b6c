internal import CSystem
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A file that appears whole or not at all: written under no name (or a temporary one) in the target's folder, and given its
/// name by `commit`. Dropped without `commit`, it leaves nothing behind, also when the process is killed.
///
/// A new file is not flushed to the disk, as with `cp`: what it was made from still exists. One that replaces another is
/// flushed first (`fsync`, once: a second one after a failure would lie), so that a power cut leaves the old or the new one.
@safe
package final class OutputFile {
    package let path: String
    private let name: String
    private let replacing: Bool
    /// There is something to lose until the new file is safe on the disk.
    private let targetExists: Bool
    private let folder: Int32
    private let descriptor: Int32
    /// Nil while the file has no name.
    private var temporaryName: String?
    private var pending: [UInt8] = []
    private var flushed = 0
    private var isPrepared = false
    private var isCommitted = false
    private static let bufferSize = 1 << 16

    /// Bytes written so far.
    package var position: Int { flushed + pending.count }

    /// Opens for writing. Refuses a target that exists unless `replacing`, and one that is not a regular file always.
    package init(_ path: String, replacing: Bool) throws {
        self.path = path
        self.replacing = replacing
        let place = printable(path)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        name = String(parts.last ?? "")
        guard !name.isEmpty, name != ".", name != ".." else { throw ModelError(.badArgument, "is a folder, not a file to write", at: [place]) }
        let folderPath = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/")
        folder = unsafe open(folderPath.isEmpty ? "/" : folderPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw ModelError.system("the folder '\(printable(folderPath))' cannot be opened", at: place) }
        do {
            targetExists = try Self.targetExists(name, in: folder, replacing: replacing, place: place)
            let unnamed = thimble_open_unnamed(folder, 0o666)
            // Without /proc an unnamed file could not be given its name.
            if unnamed >= 0, unsafe access("/proc/self/fd", F_OK) == 0 {
                descriptor = unnamed
            } else {
                if unnamed >= 0 { close(unnamed) }
                let temporary = Self.temporaryName(for: name)
                descriptor = unsafe openat(folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
                guard descriptor >= 0 else { throw ModelError.system("cannot be written", at: place) }
                temporaryName = temporary
            }
        } catch {
            close(folder)
            throw error
        }
        pending.reserveCapacity(Self.bufferSize)
    }

    deinit {
        if let temporaryName, !isCommitted { unsafe unlinkat(folder, temporaryName, 0) }
        close(descriptor)
        close(folder)
    }

    private static func targetExists(_ name: String, in folder: Int32, replacing: Bool, place: String) throws -> Bool {
        var status = stat()
        guard unsafe fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return false }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFLNK else {
            throw ModelError(.io, kind == S_IFDIR ? "is a folder, not a file to write" : "exists and is not a regular file", at: [place])
        }
        guard replacing else { throw ModelError.exists(place) }
        return true
    }

    private static func temporaryName(for name: String) -> String {
        // Names have at most 255 bytes.
        var start = name
        while start.utf8.count > 100 { start.removeLast() }
        return ".\(start).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
    }

    /// Appends bytes.
    package func append(_ bytes: RawSpan) throws {
        try unsafe bytes.withUnsafeBytes { try unsafe append($0) }
    }

    package func append(_ bytes: UnsafeRawBufferPointer) throws {
        if pending.count + bytes.count <= Self.bufferSize {
            unsafe pending.append(contentsOf: bytes)
            return
        }
        try flush()
        if bytes.count >= Self.bufferSize {
            try unsafe write(bytes, at: flushed)
            flushed += bytes.count
        } else {
            unsafe pending.append(contentsOf: bytes)
        }
    }

    package func append(_ bytes: [UInt8]) throws {
        try unsafe bytes.withUnsafeBytes { try unsafe append($0) }
    }

    /// Appends zeros up to the next multiple of `alignment`.
    package func pad(to alignment: Int) throws {
        let missing = (alignment - position % alignment) % alignment
        if missing > 0 { try append([UInt8](repeating: 0, count: missing)) }
    }

    /// Appends `range` of a mapped file, copied by the kernel where it can.
    package func append(_ file: MappedFile, _ range: Range<Int>) throws {
        var start = range.lowerBound
        try flush()
        while start < range.upperBound {
            let copied = thimble_copy_file_range(file.descriptor, Int64(start), descriptor, Int64(flushed), range.upperBound - start)
            if copied > 0 {
                start += Int(copied)
                flushed += Int(copied)
            } else if copied == 0 {
                throw ModelError(.io, "was shortened while it was read; run again when nothing writes to it", at: [printable(file.path)])
            } else if errno == EINTR {
                continue
            } else if errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO {
                throw ModelError.system("cannot be written", at: printable(path))
            } else {
                // Another file system, or no such call: write from the mapping, in pieces that need not stay resident.
                let piece = start..<min(range.upperBound, start + 8 << 20)
                try unsafe write(file.pointer(piece), at: flushed)
                file.release(piece)
                start = piece.upperBound
                flushed += piece.count
            }
        }
    }

    /// Overwrites bytes that were appended before.
    package func overwrite(_ bytes: [UInt8], at offset: Int) throws {
        try flush()
        try unsafe bytes.withUnsafeBytes { try unsafe write($0, at: offset) }
    }

    /// Appends `count` bytes that `fill` will write, zeros until then, and returns where they lie.
    package func reserve(_ count: Int) throws -> Int {
        try flush()
        defer { flushed += count }
        return flushed
    }

    /// Writes bytes of a reserved range. May be called by several threads, but not beside other calls than `fill`.
    package func fill(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        try unsafe write(bytes, at: offset)
    }

    /// Drops what was appended behind `position`, which is at most the present one.
    package func truncate(to position: Int) throws {
        precondition(position >= 0 && position <= self.position, "a file cannot be truncated to more than it is")
        try flush()
        guard ftruncate(descriptor, off_t(position)) == 0 else { throw ModelError.system("cannot be written", at: printable(path)) }
        flushed = position
    }

    private func flush() throws {
        guard !pending.isEmpty else { return }
        try unsafe pending.withUnsafeBytes { try unsafe write($0, at: flushed) }
        flushed += pending.count
        pending.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var done = 0
        while done < bytes.count {
            let count = unsafe pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            // EFAULT: the source is a mapping whose file was shortened.
            guard count > 0 else { throw ModelError.system("cannot be written", at: printable(path)) }
            done += count
        }
    }

    /// Does the part of `commit` that a full or faulty disk can refuse: of several files, prepare all before the first gets its
    /// name. Nothing may be appended afterwards.
    package func prepare() throws {
        guard !isPrepared else { return }
        try flush()
        if targetExists, fsync(descriptor) != 0 { throw ModelError.system("cannot be written", at: printable(path)) }
        isPrepared = true
    }

    /// Gives the file its name. Nothing may be appended afterwards.
    package func commit() throws {
        let place = printable(path)
        try prepare()
        if !replacing, temporaryName == nil {
            guard unsafe thimble_link_unnamed(descriptor, folder, name) == 0 else { throw commitError(place) }
        } else {
            if temporaryName == nil {
                let temporary = Self.temporaryName(for: name)
                guard unsafe thimble_link_unnamed(descriptor, folder, temporary) == 0 else { throw commitError(place) }
                temporaryName = temporary
            }
            let result = unsafe replacing ? renameat(folder, temporaryName!, folder, name) : thimble_rename_exclusive(folder, temporaryName!, name)
            guard result == 0 else { throw commitError(place) }
        }
        isCommitted = true
        if targetExists { fsync(folder) }
    }

    /// Takes the name away again, unless the file replaced another, which is gone.
    package func retract() {
        guard isCommitted, !targetExists else { return }
        unsafe unlinkat(folder, name, 0)
        isCommitted = false
        temporaryName = nil
    }

    private func commitError(_ place: String) -> ModelError {
        errno == EEXIST ? .exists(place) : .system("cannot be written", at: place)
    }
}

extension ModelError {
    /// Throws if a file would have more bytes than the caller wants it to.
    package static func checkSize(_ byteCount: Int, largest: Int?) throws {
        guard let largest, byteCount > largest else { return }
        throw ModelError(
            .badArgument,
            "would have \(printable(bytes: byteCount)), more than the input's \(printable(bytes: largest)), and is not written; give --force to write it all the same")
    }

    static func exists(_ place: String) -> ModelError {
        ModelError(.io, "exists already; give --force to replace it", at: [place])
    }
}
