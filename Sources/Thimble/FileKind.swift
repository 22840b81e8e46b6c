public import Tensors
internal import OnnxFile
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The two kinds of model files.
public enum FileKind: String, Sendable {
    case onnx
    case thimble

    /// The ending with its dot.
    public var ending: String { "." + rawValue }
    public var other: FileKind { self == .onnx ? .thimble : .onnx }

    /// By the ending of a path: what an output is to be. Nil for any other ending.
    public init?(ending path: String) {
        let name = fileName(path).utf8
        guard let kind = [FileKind.onnx, .thimble].first(where: { kind in
            name.count > kind.ending.utf8.count && name.suffix(kind.ending.utf8.count).elementsEqual(kind.ending.utf8)
        }) else { return nil }
        self = kind
    }

    /// By the first bytes of a file, whatever its name: `.thimble` files begin with a magic number, everything else is left to
    /// the reader of ONNX to accept or to name.
    public init(ofFileAt path: String) throws {
        self.init(of: try MappedFile(path))
    }

    init(of file: MappedFile) {
        let isThimble = file.withBytes(0..<min(file.count, 8)) { bytes in
            unsafe bytes.byteCount == 8 && UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)) == Self.magic
        }
        self = isThimble ? .thimble : .onnx
    }

    private static let magic: UInt64 = 0x8954_484d_0d0a_1a0a
}

/// Which file a path leads to, links followed.
struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64
    let isFolder: Bool
    let isRegular: Bool

    /// Nil if there is nothing.
    init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        isFolder = status.st_mode & S_IFMT == S_IFDIR
        isRegular = status.st_mode & S_IFMT == S_IFREG
    }
}

extension Thimble {
    /// True if `path` is a folder.
    public static func isFolder(_ path: String) -> Bool { FileIdentity(path)?.isFolder ?? false }
}

/// The last component of a path.
func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

/// Runs `body`; an error that does not begin with one of `files` gets `path` put in front: messages begin with the file.
func inFile<R>(_ path: String, orOneOf files: [String] = [], _ body: () throws -> R) throws -> R {
    do {
        return try body()
    } catch let error as ModelError {
        if let first = error.place.first, ([path] + files).contains(where: { printable($0) == first }) { throw error }
        throw error.at(printable(path))
    }
}

/// Seconds on a clock that never jumps.
func monotonicSeconds() -> Double {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

extension ModelError {
    /// The error in one line; of a place that is very deep, the outer and the inner end.
    public var sentence: String {
        guard place.count > 12 else { return description }
        return (place.prefix(5) + ["… \(place.count - 10) more levels …"] + place.suffix(5) + [message]).joined(separator: ": ")
    }
}
