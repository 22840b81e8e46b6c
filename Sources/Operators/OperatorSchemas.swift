public import Tensors

/// The schemas of all operators that ONNX defines, up to the newest operator set that this version knows.
///
/// They lie in one sorted text in the binary; a look-up searches it and parses the lines of one operator. There is nothing to
/// load and nothing to keep.
public enum OperatorSchemas {
    public enum Lookup: Equatable, Sendable {
        /// ONNX does not define this domain.
        case unknownDomain
        /// The domain is ONNX's, the operator is not.
        case unknownOperator
        /// The operator came later, with this operator set.
        case notBefore(Int64)
        case found(OperatorSchema)
    }

    /// The newest operator set of a domain that this version knows, nil for domains that ONNX does not define. "" is the default.
    public static func newestOpset(of domain: Name) -> Int64? {
        newestOpsets.first { $0.domain.utf8.elementsEqual(domain.text.utf8) }?.version
    }

    /// The schema of an operator in operator set `version` of `domain` ("" is the default).
    public static func lookUp(_ name: Name, domain: Name, version: Int64) -> Lookup {
        guard newestOpset(of: domain) != nil else { return .unknownDomain }
        let all = versions(of: name, domain: domain)
        guard let oldest = all.map(\.sinceVersion).min() else { return .unknownOperator }
        let usable = all.filter { $0.sinceVersion <= version }
        return usable.max { $0.sinceVersion < $1.sinceVersion }.map(Lookup.found) ?? .notBefore(oldest)
    }

    /// All versions of an operator, in the order of the table.
    public static func versions(of name: Name, domain: Name) -> [OperatorSchema] {
        // A colon or a space separates in the table and is in no operator's name.
        guard !name.text.utf8.contains(where: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "\n") }) else { return [] }
        let key = Array(((domain.isEmpty ? "" : domain.text + ":") + name.text + " ").utf8)
        let table = unsafe UnsafeBufferPointer(start: lines.utf8Start, count: lines.utf8CodeUnitCount)
        var start = unsafe firstLine(from: key, in: table)
        var found: [OperatorSchema] = []
        while start < table.count, unsafe table[start...].starts(with: key) {
            let end = unsafe table[start...].firstIndex(of: newline) ?? table.count
            if let schema = OperatorSchema(line: unsafe String(decoding: table[start..<end], as: UTF8.self)) { found.append(schema) }
            start = end + 1
        }
        return found
    }

    private static let newline = UInt8(ascii: "\n")

    /// Where the first line that is not below `key` starts; lines are sorted by bytes.
    private static func firstLine(from key: [UInt8], in table: UnsafeBufferPointer<UInt8>) -> Int {
        var low = 0, high = table.count
        while low < high {
            let middle = low + (high - low) / 2
            let start = unsafe (table[low..<middle].lastIndex(of: newline) ?? low - 1) + 1
            let end = unsafe table[start...].firstIndex(of: newline) ?? table.count
            if unsafe table[start..<end].lexicographicallyPrecedes(key) { low = min(end + 1, table.count) } else { high = start }
        }
        return low
    }
}
