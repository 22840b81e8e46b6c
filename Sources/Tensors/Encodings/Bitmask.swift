internal import CKernels

/// Sparse values: a bit per element (LSB first); set = the next of `values`, clear = positive zero.
public struct Bitmask: Equatable, Sendable {
    /// ceil(elements / 8) bytes; unused bits are zero.
    public var mask: TensorBytes
    /// 1-D, as many as bits are set; plain, affine or palette.
    public var values: Tensor
    /// A hint for kernels: at most `n` of every `m` along `axis` are stored. Zeros if unknown.
    public var hint: (n: Int, m: Int, axis: Int)

    public init(mask: TensorBytes, values: Tensor, hint: (n: Int, m: Int, axis: Int) = (0, 0, -1)) {
        self.mask = mask
        self.values = values
        self.hint = hint
    }

    public static func == (a: Bitmask, b: Bitmask) -> Bool {
        a.mask == b.mask && a.values == b.values && a.hint == b.hint
    }
}

extension Bitmask {
    /// Throws if a rule of section 4.4 is broken. Looks at sizes only: the bits are counted when they are first read.
    package func check(dims: [Int], elementType: ElementType) throws {
        guard let count = elementCount(of: dims) else { throw ModelError(.damagedFile, "dims \(dims) leave the limit of 2^48 elements") }
        guard mask.count == ceilDivide(count, 8) else {
            throw ModelError(.damagedFile, "a bitmask of \(count) elements takes \(ceilDivide(count, 8)) bytes, the data has \(mask.count)")
        }
        try Self.checkValues(values, elementType: elementType, atMost: count)
    }

    /// The stored values of a sparse encoding.
    static func checkValues(_ values: Tensor, elementType: ElementType, atMost count: Int) throws {
        guard elementType.bitWidth != nil else { throw ModelError(.damagedFile, "sparse values are \(elementType), which has no fixed size") }
        try within("values") {
            guard values.elementType == elementType else { throw ModelError(.damagedFile, "are \(values.elementType), the tensor is \(elementType)") }
            guard values.dims.count == 1 else { throw ModelError(.damagedFile, "have dims \(values.dims), they must be a vector") }
            guard values.dims[0] <= count else { throw ModelError(.damagedFile, "are \(values.dims[0]), more than the tensor's \(count) elements") }
            switch values.encoding {
            case .plain, .affine, .palette: try values.checkEncoding()
            default: throw ModelError(.damagedFile, "are \(values.encodingName), they must be plain, Affine or a Palette")
            }
        }
    }

    /// The mask of `dense` (elements of `width` bytes) and the elements that are not all zero bits.
    package static func encode(_ dense: [UInt8], width: Int) -> (mask: [UInt8], values: [UInt8]) {
        let count = dense.count / width
        var mask = [UInt8](repeating: 0, count: ceilDivide(count, 8)), values: [UInt8] = []
        for index in 0..<count {
            let element = dense[index * width..<(index + 1) * width]
            guard element.contains(where: { $0 != 0 }) else { continue }
            mask[index / 8] |= 1 << UInt8(index % 8)
            values += element
        }
        return (mask, values)
    }
}

final class BitmaskDecoder: ElementDecoder {
    private let mask: TensorBytes
    private let values: any ElementDecoder
    /// Set bits before every `step` bytes of the mask.
    private let before: [Int]
    private static let step = 4096
    var unitWidth: Int { values.unitWidth }

    /// Counts all bits once; throws if they are not as many as the values.
    init(_ bitmask: Bitmask, elements: Int) throws {
        mask = bitmask.mask
        values = try bitmask.values.elementDecoder()
        var before: [Int] = [], total = 0
        try mask.forEachPiece(ofAtMost: 1 << 18) { piece in
            unsafe piece.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: Self.step) {
                    before.append(total)
                    total += unsafe Int(thimble_popcount(bytes.baseAddress! + start, min(Self.step, bytes.count - start)))
                }
            }
        }
        self.before = before
        let count = bitmask.values.elementCount ?? 0
        guard total == count else { throw ModelError(.damagedFile, "the bitmask has \(total) bits set, there are \(count) values") }
        if elements % 8 != 0, let last = try mask.slice(mask.count - 1..<mask.count).array().first, last >> UInt8(elements % 8) != 0 {
            throw ModelError(.damagedFile, "the bitmask has bits set behind its \(elements) elements")
        }
    }

    func decode(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        let width = unitWidth, perStep = Self.step * 8
        var start = range.lowerBound
        while start < range.upperBound {
            let index = start / perStep
            let end = min(range.upperBound, (index + 1) * perStep)
            let firstByte = index * Self.step
            let bits = try mask.slice(firstByte..<ceilDivide(end, 8)).array()
            func isSet(_ element: Int) -> Bool { bits[element / 8 - firstByte] >> UInt8(element % 8) & 1 != 0 }
            let rank = before[index] + (index * perStep..<start).reduce(0) { $0 + (isSet($1) ? 1 : 0) }
            let stored = (start..<end).reduce(0) { $0 + (isSet($1) ? 1 : 0) }
            var units = [UInt8](repeating: 0, count: stored * width)
            try unsafe units.withUnsafeMutableBytes { try unsafe values.decode(rank..<rank + stored, into: $0) }
            var next = 0
            for element in start..<end {
                let at = (element - range.lowerBound) * width, hit = isSet(element)
                for byte in 0..<width { unsafe target[at + byte] = hit ? units[next + byte] : 0 }
                if hit { next += width }
            }
            start = end
        }
    }
}
