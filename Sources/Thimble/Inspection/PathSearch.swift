internal import Tensors

/// Looks for absolute paths of files in text, such as the stack traces that exporters leave: `/home/me/project/model.py`.
///
/// A path starts a word, has at least two components and begins with a folder that systems have at their root, or ends in a file
/// with an extension. Names of nodes (`/encoder/layer.0/Add`) look alike and are not paths, so an extension has letters.
struct PathSearch {
    /// Distinct ones, in the order of their first occurrence.
    private(set) var found: [String] = []
    private(set) var count = 0
    /// Bytes of text that may still be searched.
    private(set) var budget = 4 << 20
    private static let most = 10
    private static let roots: Set<[UInt8]> = Set(
        ["home", "Users", "usr", "opt", "tmp", "var", "root", "mnt", "data", "workspace", "private", "Volumes", "srv", "content", "etc"].map { Array($0.utf8) })

    mutating func search(_ text: Name) {
        guard budget > 0 else { return }
        budget -= text.byteCount
        let bytes = text.bytes
        var index = 0
        while index < bytes.count {
            guard startsPath(bytes, index) else { index += 1; continue }
            let end = bytes[index...].firstIndex { !Self.isPathByte($0) } ?? bytes.count
            note(bytes[index..<end])
            index = end
        }
    }

    private func startsPath(_ bytes: [UInt8], _ index: Int) -> Bool {
        let slash = UInt8(ascii: "/"), colon = UInt8(ascii: ":"), backslash = UInt8(ascii: "\\")
        let startsWord = index == 0 || !Self.isPathByte(bytes[index - 1]) && bytes[index - 1] != colon && bytes[index - 1] != slash
        guard startsWord else { return false }
        if bytes[index] == slash { return true }
        return Self.isLetter(bytes[index]) && index + 2 < bytes.count && bytes[index + 1] == colon && bytes[index + 2] == backslash
    }

    private mutating func note(_ path: ArraySlice<UInt8>) {
        let isWindows = path.first != UInt8(ascii: "/")
        let parts = path.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        guard parts.count >= 2, isWindows || Self.roots.contains(Array(parts[0])) || Self.hasExtension(parts[parts.count - 1]) else { return }
        count += 1
        let text = String(decoding: path, as: UTF8.self)
        if found.count < Self.most, !found.contains(where: { $0.utf8.elementsEqual(text.utf8) }) { found.append(text) }
    }

    private static func hasExtension(_ file: ArraySlice<UInt8>) -> Bool {
        guard let dot = file.lastIndex(of: UInt8(ascii: ".")), dot > file.startIndex else { return false }
        let letters = file[(dot + 1)...]
        return (1...5).contains(letters.count) && isLetter(letters.first!) && letters.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte & 0xdf) && byte < 0x80 }

    /// Spaces end a path: text does not say where a path with spaces would.
    private static func isPathByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || (0x30...0x39).contains(byte) || byte >= 0x80 || "/._-+@~%\\:".utf8.contains(byte)
    }
}
