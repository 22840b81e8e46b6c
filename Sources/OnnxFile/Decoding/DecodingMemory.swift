internal import ModelGraph
internal import Tensors

/// What the structure of a file may take in memory, its values aside: a message of two bytes becomes a value of hundreds, and a
/// process that cannot allocate is ended by the system.
struct DecodingMemory {
    /// Whatever the file's size, and so many times it: real models stay below five times what they take without their weights.
    private static let base = 128 << 20
    private static let factor = 8

    private(set) var left: Int
    private let limit: Int

    init(fileSize: Int) {
        limit = checkedMultiply(fileSize, Self.factor).flatMap { checkedAdd($0, Self.base) } ?? .max
        left = limit
    }

    /// Counts one message: its value, the names in it, and their text.
    mutating func take(_ kind: MessageKind, _ scan: ScannedMessage, textBytes: Int) throws {
        if scan.decodedWithin > 0 {
            left -= kind == .node ? scan.decodedWithin * Self.size(of: .attribute) : Self.size(of: .type) + scan.decodedWithin * Self.size(of: .dimension)
        }
        left -= Self.size(of: kind) + scan.copiedFieldCount * MemoryLayout<Name>.stride + textBytes + scan.unknown.count
        guard left > 0 else { throw exhausted(kind) }
    }

    func exhausted(_ kind: MessageKind) -> ModelError {
        ModelError(
            .limit, "what the file describes takes more than \(printable(bytes: limit)) of memory beside its values, "
                + "more than any real model of its size; the file may be made to fill the memory", at: [kind.name])
    }

    /// True if so many values can be made room for at once.
    func hasRoom<T>(for count: Int, _ type: T.Type) -> Bool {
        count <= left / MemoryLayout<T>.stride
    }

    private static func size(of kind: MessageKind) -> Int {
        switch kind {
        case .node: MemoryLayout<Node>.stride
        case .attribute: MemoryLayout<Attribute>.stride
        case .tensor: MemoryLayout<Tensor>.stride
        case .sparseTensor: MemoryLayout<SparseTensor>.stride
        case .graph: MemoryLayout<Graph>.stride
        case .function: MemoryLayout<Function>.stride
        case .valueInfo: MemoryLayout<ValueInfo>.stride
        case .type: 2 * MemoryLayout<ValueType>.stride
        case .dimension: MemoryLayout<Dimension>.stride
        case .entry: MemoryLayout<KeyValue>.stride
        default: 64
        }
    }
}
