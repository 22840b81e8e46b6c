internal import Tensors

/// Copies small tensors that lie at odd addresses of their file side by side, aligned: a run would copy each of them on its own,
/// with a call of the system and an object. The copies of one file stay below a megabyte, however many tensors it has.
final class SmallValues {
    private static let largest = 1 << 10
    private static let blockSize = 16 << 10
    private static let alignment = 16

    private let scanner: MessageScanner
    private var block: OwnedMemory?
    private var used = 0
    private var left = 1 << 20

    init(_ scanner: MessageScanner) {
        self.scanner = scanner
    }

    /// A copy of `range` of the file; nil if it is better left there.
    func copy(_ range: Range<Int>, of type: ElementType) throws -> TensorBytes? {
        guard range.count <= Self.largest, !range.isEmpty, range.lowerBound % type.storageWidth != 0, range.count <= left else { return nil }
        if block == nil || range.count > Self.blockSize - used {
            block = try OwnedMemory(byteCount: Self.blockSize)
            used = 0
        }
        guard let block else { return nil }
        // Each part is written once, before anybody knows of it.
        let part = used..<used + range.count
        try unsafe scanner.read(range, into: UnsafeMutableRawBufferPointer(rebasing: block.bytes[part]))
        used = min(Self.blockSize, (part.upperBound + Self.alignment - 1) / Self.alignment * Self.alignment)
        left -= range.count
        return TensorBytes(block).slice(part)
    }
}
