internal import Tensors

/// A pattern for tensor names: `*` stands for any bytes, `?` for one; everything else for itself.
public struct NamePattern: Sendable, Hashable, CustomStringConvertible {
    private let bytes: [UInt8]
    public let description: String

    public init(_ text: String) {
        bytes = Array(text.utf8)
        description = text
    }

    /// Iterative: a star remembers where to go on, so that the time is at most the product of both lengths.
    public func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        var at = 0, index = 0, star = -1, mark = 0
        while at < name.count {
            if index < bytes.count, bytes[index] == UInt8(ascii: "*") {
                star = index
                mark = at
                index += 1
            } else if index < bytes.count, bytes[index] == name[at] || bytes[index] == UInt8(ascii: "?") {
                index += 1
                at += 1
            } else if star >= 0 {
                index = star + 1
                mark += 1
                at = mark
            } else {
                return false
            }
        }
        while index < bytes.count, bytes[index] == UInt8(ascii: "*") { index += 1 }
        return index == bytes.count
    }
}
