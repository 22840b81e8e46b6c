/// Sparse values: one byte per stored value says how many zeros precede it; 255 = 255 zeros and no value. Row-major.
public struct Gaps: Equatable, Sendable {
    public var gaps: TensorBytes
    /// 1-D, one per byte of `gaps` below 255; plain, affine or palette.
    public var values: Tensor

    public init(gaps: TensorBytes, values: Tensor) {
        self.gaps = gaps
        self.values = values
    }
}

extension Gaps {
    /// Throws if a rule of section 4.5 is broken. Looks at sizes only: the gaps are added up when they are first read.
    package func check(dims: [Int], elementType: ElementType) throws {
        guard let count = elementCount(of: dims) else { throw ModelError(.damagedFile, "dims \(dims) leave the limit of 2^48 elements") }
        try Bitmask.checkValues(values, elementType: elementType, atMost: count)
        let stored = values.dims[0]
        guard gaps.count >= stored else { throw ModelError(.damagedFile, "has \(gaps.count) gaps for \(stored) values") }
    }

    /// The gaps of `dense` (elements of `width` bytes) and the elements that are not all zero bits.
    package static func encode(_ dense: [UInt8], width: Int) -> (gaps: [UInt8], values: [UInt8]) {
        var gaps: [UInt8] = [], values: [UInt8] = [], zeros = 0
        for start in stride(from: 0, to: dense.count, by: width) {
            let element = dense[start..<start + width]
            guard element.contains(where: { $0 != 0 }) else {
                zeros += 1
                continue
            }
            while zeros >= 255 {
                gaps.append(255)
                zeros -= 255
            }
            gaps.append(UInt8(zeros))
            values += element
            zeros = 0
        }
        return (gaps, values)
    }
}

final class GapsDecoder: ElementDecoder {
    private struct Checkpoint {
        /// Elements and values before.
        var element: Int
        var value: Int
    }

    private let gaps: TensorBytes
    private let values: any ElementDecoder
    /// One before every `step` gaps.
    private let checkpoints: [Checkpoint]
    private static let step = 16384
    var unitWidth: Int { values.unitWidth }

    /// Adds up all gaps once; throws if they leave the tensor or are not as many as the values.
    init(_ encoded: Gaps, elements: Int) throws {
        gaps = encoded.gaps
        values = try encoded.values.elementDecoder()
        var at = Checkpoint(element: 0, value: 0), checkpoints: [Checkpoint] = []
        try gaps.forEachPiece(ofAtMost: Self.step) { piece in
            checkpoints.append(at)
            unsafe piece.withUnsafeBytes { for unsafe gap in unsafe $0 { Self.advance(&at, gap) } }
        }
        self.checkpoints = checkpoints
        let count = encoded.values.elementCount ?? 0
        guard at.value == count else { throw ModelError(.damagedFile, "the gaps lead to \(at.value) values, there are \(count)") }
        guard at.element <= elements else {
            throw ModelError(.damagedFile, "the gaps reach element \(at.element), the tensor has \(elements)")
        }
    }

    private static func advance(_ at: inout Checkpoint, _ gap: UInt8) {
        at.element += Int(gap)
        if gap < 255 {
            at.element += 1
            at.value += 1
        }
    }

    func decode(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
        // The last checkpoint at or before the range; it may begin in the middle of a long gap.
        var low = 0, high = checkpoints.count
        while low < high {
            let middle = (low + high) / 2
            if checkpoints[middle].element <= range.lowerBound { low = middle + 1 } else { high = middle }
        }
        var index = max(0, low - 1)
        while index < checkpoints.count, checkpoints[index].element < range.upperBound {
            try unsafe decodeStep(index, range, into: target)
            index += 1
        }
    }

    private func decodeStep(_ index: Int, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        let bytes = try gaps.slice(index * Self.step..<min(gaps.count, (index + 1) * Self.step)).array()
        var at = checkpoints[index], places: [Int] = [], firstValue = at.value
        for gap in bytes where at.element < range.upperBound {
            Self.advance(&at, gap)
            guard gap < 255 else { continue }
            if at.element - 1 < range.lowerBound { firstValue = at.value } else if at.element <= range.upperBound { places.append(at.element - 1) }
        }
        guard !places.isEmpty else { return }
        let width = unitWidth
        var units = [UInt8](repeating: 0, count: places.count * width)
        try unsafe units.withUnsafeMutableBytes { try unsafe values.decode(firstValue..<firstValue + places.count, into: $0) }
        for (number, place) in places.enumerated() {
            for byte in 0..<width { unsafe target[(place - range.lowerBound) * width + byte] = units[number * width + byte] }
        }
    }
}
