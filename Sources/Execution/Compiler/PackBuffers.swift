internal import Tensors

/// One thread's memory for weights on their way into packs. What lies in a file is read into it rather than mapped: pages that are looked at once are not
/// worth being mapped and let go, and a piece is packed while the cache still has it.
final class PackBuffers {
    /// Floats of a piece, which with what they are converted from leave most of a second cache to the pack.
    static let pieceFloats = 1 << 16
    /// Room for a piece that had to become somewhat larger, and for what it is converted from. Memory that was never used takes longer to come than
    /// its bytes to be read, so what does not fit is read where it is mapped.
    static let byteCount = 640 << 10
    /// A few pages are not worth a call.
    private static let releasedBytes = 1 << 18

    /// Bytes for weights that are made for one step, and behind them for what they are made of; 0 for those that are kept. Most are made of as many bytes,
    /// or of half of them with as many to convert them in.
    static func place(_ weights: PackedWeights) -> Int {
        weights.isMade || weights.isReused ? 0 : weights.lineBytes + min(byteCount, weights.lineBytes * 3 / 2)
    }

    private let packs: PackCache
    private var memory: OwnedMemory?
    /// Bytes of it.
    private let capacity: Int
    private let isLent: Bool
    private var large: OwnedMemory?

    init(_ packs: PackCache) {
        self.packs = packs
        (capacity, isLent) = (Self.byteCount, false)
    }

    /// With memory of any content and any size.
    init(_ packs: PackCache, lent: OwnedMemory) {
        self.packs = packs
        unsafe (capacity, isLent) = (lent.bytes.count, true)
        memory = lent
    }

    deinit {
        if let memory, !isLent { packs.takeBack(memory) }
    }

    /// Lends `range` of `bytes`, at any address.
    func withBytes<R>(_ range: Range<Int>, of bytes: TensorBytes, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try unsafe withBytes(range, of: bytes, behind: 0, body)
    }

    /// Lends `range` of `bytes`, elements of a float type, as binary32 numbers at any address.
    func withFloats<R>(_ range: Range<Int>, of bytes: TensorBytes, _ type: ElementType, _ body: (UnsafeRawPointer) throws -> R) throws -> R {
        let count = range.count / type.storageWidth, byteCount = count * 4
        return try unsafe withBytes(range, of: bytes, behind: type == .float ? 0 : byteCount) { bytes in
            // Neither is empty.
            if type == .float { return try unsafe body(bytes.baseAddress!) }
            let memory = try byteCount <= capacity ? room() : largeRoom(byteCount)
            return try unsafe memory.bytes.withMemoryRebound(to: Float.self) { numbers in
                unsafe FloatConversion.toFloat(bytes, type, into: UnsafeMutableBufferPointer(rebasing: numbers[..<count]))
                return try unsafe body(UnsafeRawPointer(numbers.baseAddress!))
            }
        }
    }

    private func withBytes<R>(_ range: Range<Int>, of bytes: TensorBytes, behind start: Int, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard bytes.isMapped, range.count <= capacity - start else {
            defer { if range.count >= Self.releasedBytes { bytes.release(range) } }
            return try unsafe bytes.slice(range).withUnsafeBytes(body)
        }
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: try room().bytes[start..<start + range.count])
        try unsafe bytes.read(range, into: target)
        return try unsafe body(UnsafeRawBufferPointer(target))
    }

    private func room() throws -> OwnedMemory {
        if let memory { return memory }
        let made = try packs.lend(Self.byteCount)
        memory = made
        return made
    }

    private func largeRoom(_ byteCount: Int) throws -> OwnedMemory {
        if let large, unsafe large.bytes.count >= byteCount { return large }
        large = nil
        let made = try OwnedMemory(lasting: byteCount)
        large = made
        return made
    }
}
