internal import CSystem
internal import ModelGraph
internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Where the bytes of a tensor lie outside the model file: the entries of `external_data`, checked.
struct ExternalPlace {
    private(set) var location: Name
    private(set) var offset = 0
    private(set) var length: Int?
    /// SHA-1 of the whole data file, lower-case hexadecimal.
    private(set) var checksum: String?

    init(_ entries: [KeyValue], warn: (String) -> Void) throws {
        var known: [String: Name] = [:]
        for entry in entries {
            let key = entry.key?.text ?? ""
            guard ["location", "offset", "length", "checksum"].contains(key) else {
                warn("external data has the key '\(printable(key))', which ONNX does not define; it is kept and otherwise ignored")
                continue
            }
            guard known.updateValue(entry.value ?? "", forKey: key) == nil else {
                throw ModelError(.invalidGraph, "external data names its \(key) twice")
            }
        }
        guard let location = known["location"] else { throw ModelError(.invalidGraph, "external data has no location") }
        self.location = location
        try Self.check(location)
        if let text = known["offset"] { offset = try Self.number(text, "offset") }
        if let text = known["length"] { length = try Self.number(text, "length") }
        if let text = known["checksum"] { checksum = try Self.digest(text) }
    }

    /// Names that could lead anywhere but below the model's folder are refused by what they say, whatever lies there: as
    /// POSIX and as Windows read them.
    private static func check(_ location: Name) throws {
        func refuse(_ why: String) throws {
            throw ModelError(.invalidGraph, why, at: ["external data '\(location)'"])
        }
        let bytes = location.bytes
        if bytes.isEmpty { try refuse("the location is empty") }
        if bytes.contains(0) { try refuse("the location holds a NUL byte") }
        if bytes[0] == UInt8(ascii: "/") { try refuse("the location is an absolute path; it must lie in the model's folder") }
        if bytes.contains(UInt8(ascii: "\\")) { try refuse("the location holds a backslash; folders are divided by '/'") }
        if bytes.count > 1, bytes[1] == UInt8(ascii: ":"), bytes[0] | 0x20 >= UInt8(ascii: "a"), bytes[0] | 0x20 <= UInt8(ascii: "z") {
            try refuse("the location begins with a drive letter; it must lie in the model's folder")
        }
        if bytes.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) }) {
            try refuse("the location holds '..'; it must lie in the model's folder")
        }
    }

    /// Decimal digits and nothing else, at most 2^63 - 1.
    private static func number(_ text: Name, _ key: String) throws -> Int {
        var value = 0
        var fits = !text.isEmpty
        for byte in text.bytes where fits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), let tens = checkedMultiply(value, 10),
                let sum = checkedAdd(tens, Int(byte - UInt8(ascii: "0")))
            else {
                fits = false
                continue
            }
            value = sum
        }
        guard fits else {
            throw ModelError(.invalidGraph, "external data has \(key) '\(text)', expected decimal digits up to \(Int.max)")
        }
        return value
    }

    private static func digest(_ text: Name) throws -> String {
        let digits = text.text.lowercased()
        guard text.byteCount == 40, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            throw ModelError(.invalidGraph, "external data has checksum '\(text)', expected the 40 hexadecimal digits of a SHA-1")
        }
        return digits
    }
}

/// The files of external data beside a model, each opened once, none of them outside its folder.
final class ExternalData {
    private let folder: String
    private let followLinks: Bool
    private var descriptor: Int32 = -1
    private(set) var files: [MappedFile] = []
    private var indexOfLocation: [Name: Int] = [:]
    private var digests: [Int: String] = [:]

    init(modelPath: String, followLinks: Bool) {
        let parts = modelPath.split(separator: "/", omittingEmptySubsequences: false)
        folder = parts.count == 1 ? "." : parts.count == 2 && parts[0].isEmpty ? "/" : parts.dropLast().joined(separator: "/")
        self.followLinks = followLinks
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// `count` bytes at `place`.
    func bytes(_ place: ExternalPlace, count: Int) throws -> TensorBytes {
        try within("external data '\(place.location)'") {
            let index = try self.index(of: place.location)
            let file = files[index]
            guard let end = checkedAdd(place.offset, count), end <= file.count else {
                throw ModelError(
                    .damagedFile, "needs \(count) bytes from byte \(place.offset) on, the file has \(file.count); it may be cut off")
            }
            if let checksum = place.checksum { try check(checksum, of: index) }
            return try TensorBytes(file, place.offset..<end)
        }
    }

    private func index(of location: Name) throws -> Int {
        if let index = indexOfLocation[location] { return index }
        if descriptor < 0 {
            descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw ModelError.system("the model's folder cannot be opened", at: printable(folder)) }
        }
        var problem = THIMBLE_OPEN_OK
        let opened = unsafe thimble_open_beneath(descriptor, location.text, followLinks, &problem)
        guard opened >= 0 else { throw refusal(problem) }
        let file = try MappedFile(adopting: opened, path: folder == "." ? location.text : "\(folder)/\(location.text)")
        if file.count > OnnxFile.sparseReadingSize { file.adviseRandomAccess() }
        indexOfLocation[location] = files.count
        files.append(file)
        return files.count - 1
    }

    private func refusal(_ problem: thimble_open_problem) -> ModelError {
        switch problem {
        case THIMBLE_OPEN_SYMLINK:
            ModelError(.io, "is a symbolic link or lies behind one, and could lead anywhere; give --follow-links if that is meant")
        case THIMBLE_OPEN_HARD_LINKS:
            ModelError(.io, "has several hard links, so it may be a file from elsewhere; give --follow-links if that is meant")
        case THIMBLE_OPEN_OUTSIDE: ModelError(.io, "lies outside the model's folder")
        case THIMBLE_OPEN_NOT_REGULAR: ModelError(.io, "is not a regular file")
        default:
            if errno == ENOENT {
                ModelError(.io, "there is no such file in the model's folder; it must lie beside the model")
            } else {
                ModelError(.io, ModelError.system("cannot be opened", at: "").message)
            }
        }
    }

    /// The digest is computed once for each file.
    private func check(_ checksum: String, of index: Int) throws {
        let found = digests[index] ?? digest(files[index])
        digests[index] = found
        guard found == checksum else {
            throw ModelError(.damagedFile, "its SHA-1 is \(found), the model says \(checksum); the file is damaged or of another model")
        }
    }

    private func digest(_ file: MappedFile) -> String {
        var sha = SHA1()
        for start in stride(from: 0, to: file.count, by: 1 << 22) {
            let range = start..<min(start + 1 << 22, file.count)
            file.withBytes(range) { sha.update($0) }
            file.release(range)
        }
        return sha.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
