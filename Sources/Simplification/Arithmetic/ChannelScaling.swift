internal import Operators
internal import Tensors

/// Which channel each element of a weight belongs to: element e to `e / block * channels + e / inner % channels`, where a block holds the
/// elements of one group. Covers Conv (one block), ConvTranspose (a block per group) and both layouts of matrices.
struct ChannelLayout {
    let inner: Int
    let channels: Int
    let block: Int

    /// The output channels of a Conv's weight [M, C/group, …].
    static func conv(_ dims: [Int]) -> ChannelLayout {
        ChannelLayout(inner: dims.dropFirst().reduce(1, *), channels: dims[0], block: dims.reduce(1, *))
    }

    /// The output channels of a ConvTranspose's weight [C, M/group, …].
    static func convTranspose(_ dims: [Int], groups: Int) -> ChannelLayout {
        ChannelLayout(inner: dims.dropFirst(2).reduce(1, *), channels: dims[1], block: dims.reduce(1, *) / groups)
    }

    /// The columns of [K, N], or the rows of [N, K].
    static func matrix(_ dims: [Int], transposed: Bool) -> ChannelLayout {
        transposed ? conv(dims) : ChannelLayout(inner: 1, channels: dims[1], block: dims[0] * dims[1])
    }

    func channel(_ element: Int) -> Int { element / block * channels + element / inner % channels }
}

extension Tensor {
    /// Beyond it a scaled tensor is computed when and as far as it is read.
    private static let largestEager = 1 << 20

    /// Each element of a FLOAT or DOUBLE tensor times the factor of its channel.
    func scaled(by factors: [Double], _ layout: ChannelLayout) throws -> Tensor {
        let plain = try plainBytes()
        let source = ScaledBytes(plain, isDouble: elementType == .double, factors: factors, layout: layout)
        guard plain.count <= Self.largestEager else { return Tensor(elementType, dims: dims, bytes: TensorBytes(source, 0..<plain.count)) }
        let memory = try OwnedMemory(byteCount: plain.count)
        try unsafe source.read(at: 0, into: memory.bytes)
        return Tensor(elementType, dims: dims, bytes: TensorBytes(memory))
    }

    /// The elements of a FLOAT or DOUBLE tensor.
    func doubles() throws -> [Double] {
        elementType == .double ? Array(try elements(as: Double.self)) : try elements(as: Float.self).map { Double($0) }
    }

    /// A FLOAT or DOUBLE tensor.
    static func real(_ values: [Double], _ type: ElementType, dims: [Int]) throws -> Tensor {
        type == .double ? try NewElements(values).tensor(.double, dims) : try NewElements(values.map { Float($0) }).tensor(.float, dims)
    }
}

/// The bytes of a tensor with each channel multiplied by a number, made piece by piece: a weight of any size takes no memory.
private final class ScaledBytes: ByteSource, Sendable {
    private let plain: TensorBytes
    private let isDouble: Bool
    private let factors: [Double]
    private let layout: ChannelLayout
    var count: Int { plain.count }

    init(_ plain: TensorBytes, isDouble: Bool, factors: [Double], layout: ChannelLayout) {
        (self.plain, self.isDouble, self.factors, self.layout) = (plain, isDouble, factors, layout)
    }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        let width = isDouble ? 8 : 4
        if offset % width == 0, target.count % width == 0 {
            try unsafe plain.read(offset..<offset + target.count, into: target)
            unsafe scale(target, from: offset / width)
            return
        }
        // Whole elements around the part that is asked for.
        let start = offset / width * width, end = min(count, ceilDivide(offset + target.count, width) * width)
        let memory = try OwnedMemory(byteCount: end - start)
        try unsafe plain.read(start..<end, into: memory.bytes)
        unsafe scale(memory.bytes, from: start / width)
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.bytes[offset - start..<offset - start + target.count]))
    }

    /// `bytes` may not be aligned.
    private func scale(_ bytes: UnsafeMutableRawBufferPointer, from first: Int) {
        let count = bytes.count / (isDouble ? 8 : 4)
        var index = 0
        while index < count {
            // Elements that lie together belong to one channel.
            let element = first + index, end = min(count, index + layout.inner - element % layout.inner)
            let factor = factors[layout.channel(element)]
            if isDouble {
                for each in index..<end {
                    let value = unsafe bytes.loadUnaligned(fromByteOffset: 8 * each, as: Double.self)
                    unsafe bytes.storeBytes(of: value * factor, toByteOffset: 8 * each, as: Double.self)
                }
            } else {
                for each in index..<end {
                    let value = unsafe bytes.loadUnaligned(fromByteOffset: 4 * each, as: Float.self)
                    unsafe bytes.storeBytes(of: Float(Double(value) * factor), toByteOffset: 4 * each, as: Float.self)
                }
            }
            index = end
        }
    }
}
