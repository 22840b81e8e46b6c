package import Tensors

package enum StringSplit: Inferring, Runnable {
    package static let name: Name = "StringSplit"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let dims = try call.dims(0)
        return [Fact(.string, dims.map { $0 + [.unknown] }), Fact(.int64, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), delimiter = Array(try call.string("delimiter", "").utf8)
        let most = try call.int("maxsplit") ?? .max
        let rows = try within("input 0") { try data.stringList() }.map { delimiter.isEmpty ? words($0, most) : parts($0, delimiter, most) }
        let width = rows.map(\.count).max() ?? 0, dims = data.dims + [width]
        try call.environment.checkAllocation(32 * checkedCount(dims))
        let padded = rows.flatMap { $0 + [[UInt8]](repeating: [], count: width - $0.count) }
        return [.tensor(.strings(padded, dims: dims)), .tensor(try .int64(rows.map(\.count), dims: data.dims))]
    }

    /// At most `most` cuts; -1 for any number.
    private static func parts(_ text: [UInt8], _ delimiter: [UInt8], _ most: Int) -> [[UInt8]] {
        // As ONNX Runtime has it; Python would find one empty part.
        if text.isEmpty { return [] }
        var parts: [[UInt8]] = [], start = 0, at = 0
        while at + delimiter.count <= text.count, most < 0 || parts.count < most {
            if text[at] == delimiter[0], text[at..<at + delimiter.count].elementsEqual(delimiter) {
                parts.append(Array(text[start..<at]))
                at += delimiter.count
                start = at
            } else {
                at += 1
            }
        }
        return parts + [Array(text[start...])]
    }

    /// Between runs of white space; what is left after `most` cuts keeps what it has within.
    private static func words(_ text: [UInt8], _ most: Int) -> [[UInt8]] {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
        var words: [[UInt8]] = [], rest = text[...]
        while true {
            rest = rest.drop(while: isSpace)
            if rest.isEmpty { return words }
            if most >= 0, words.count >= most { return words + [Array(rest[...(rest.lastIndex { !isSpace($0) } ?? rest.startIndex)])] }
            words.append(Array(rest.prefix { !isSpace($0) }))
            rest = rest.dropFirst(words[words.count - 1].count)
        }
    }
}
