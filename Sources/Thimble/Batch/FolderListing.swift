internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The files below a folder, as paths relative to it. Symbolic links to folders are not followed, so there are no loops; links to
/// files are listed and refused unless links are to be followed.
struct FolderListing: Equatable {
    struct File: Equatable {
        var path: String
        var refusal: String?
    }

    struct Unreadable: Equatable {
        /// Escaped where it is not UTF-8.
        var path: String
        var reason: String
    }

    var files: [File] = []
    var folders: [String] = [""]
    /// What could not be looked into.
    var unreadable: [Unreadable] = []
    /// Names beginning with a dot that look like ours; see `StaleFiles`.
    var hidden: [String] = []

    init() {}

    /// `except`: folders that are passed over, such as the output's.
    init(_ root: String, followLinks: Bool = false, except: [FileIdentity] = []) throws {
        var next = 0
        while next < folders.count {
            let folder = folders[next]
            next += 1
            do {
                try list(root, folder, followLinks: followLinks, except: except)
            } catch let error as ModelError where !folder.isEmpty {
                unreadable.append(Unreadable(path: folder, reason: error.message))
            }
        }
    }

    private mutating func list(_ root: String, _ folder: String, followLinks: Bool, except: [FileIdentity]) throws {
        let path = folder.isEmpty ? root : root + "/" + folder
        guard let stream = unsafe opendir(path) else { throw ModelError.system("the folder cannot be opened", at: printable(path)) }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            let bytes = unsafe Self.name(of: entry)
            if bytes == [0x2e] || bytes == [0x2e, 0x2e] { continue }
            let prefix = folder.isEmpty ? "" : folder + "/"
            guard let name = String(validating: bytes, as: UTF8.self) else {
                guard unsafe entry.pointee.d_type == UInt8(DT_DIR) || Self.isModel(bytes) else { continue }
                unreadable.append(Unreadable(path: prefix + printable(utf8: bytes), reason: "the name is not UTF-8; rename it"))
                continue
            }
            add(name, prefix: prefix, root: root, followLinks: followLinks, except: except)
        }
    }

    private mutating func add(_ name: String, prefix: String, root: String, followLinks: Bool, except: [FileIdentity]) {
        let path = prefix + name
        var status = stat()
        guard unsafe lstat(root + "/" + path, &status) == 0 else { return }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            if let identity = FileIdentity(root + "/" + path), except.contains(identity) { return }
            folders.append(path)
        case S_IFREG:
            if name.utf8.first == UInt8(ascii: ".") { hidden.append(path) }
            files.append(File(path: path))
        case S_IFLNK:
            guard let identity = FileIdentity(root + "/" + path), identity.isRegular else { return }
            files.append(File(path: path, refusal: followLinks ? nil : "is a symbolic link; give --follow-links to allow it"))
        default: return
        }
    }

    private static func isModel(_ name: [UInt8]) -> Bool {
        [FileKind.onnx, .thimble].contains { name.suffix($0.ending.utf8.count).elementsEqual($0.ending.utf8) }
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        // d_name is an array of fixed size in Swift; the name itself may be longer than its type says, and ends with a NUL.
        let offset = MemoryLayout<dirent>.offset(of: \.d_name)!  // a stored property
        let start = unsafe UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: UInt8.self)
        return unsafe Array(UnsafeBufferPointer(start: start, count: strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))))
    }
}
