/// What the encodings have in common: they give any range of elements, one unit a piece, without expanding the whole.
package protocol ElementDecoder: AnyObject {
    /// Bytes of one unit; elements below 8 bits come one per byte.
    var unitWidth: Int { get }
    /// Fills `target` with the elements `range` (within the tensor), little-endian, `unitWidth` bytes each.
    func decode(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws
}

/// The plain bytes of an encoded tensor, decoded when they are read. Safe for several threads, one decodes at a time.
package final class DecodedTensor: ByteSource, @unchecked Sendable {
    private let decoder: any ElementDecoder
    private let elements: Int
    /// Bits of an element.
    private let bits: Int
    package let count: Int
    private let lock = Lock()
    private static let blockBytes = 1 << 16

    package init(_ decoder: any ElementDecoder, elements: Int, bits: Int, count: Int) {
        self.decoder = decoder
        self.elements = elements
        self.bits = bits
        self.count = count
    }

    package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        try lock.locked {
            try unsafe bits < 8 ? readPacked(at: offset, into: target) : readWhole(at: offset, into: target)
        }
    }

    /// Elements of whole bytes; those that the range cuts go through a small buffer.
    private func readWhole(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        let width = bits / 8
        var done = 0
        while done < target.count {
            let at = offset + done, first = at / width
            let whole = (target.count - done) / width
            if at % width == 0, whole > 0 {
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: target[done..<done + whole * width])
                try unsafe decoder.decode(first..<first + whole, into: part)
                done += whole * width
                continue
            }
            var element = [UInt8](repeating: 0, count: width)
            try unsafe element.withUnsafeMutableBytes { try unsafe decoder.decode(first..<first + 1, into: $0) }
            let from = at % width, length = min(width - from, target.count - done)
            for index in 0..<length { unsafe target[done + index] = element[from + index] }
            done += length
        }
    }

    /// Elements of 6, 4 or 2 bits: decoded one per byte, then packed, low bits first. 8 elements take `bits` whole bytes.
    private func readPacked(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < target.count {
            let group = (offset + done) / bits, from = (offset + done) % bits
            let groups = min(ceilDivide(from + target.count - done, bits), Self.blockBytes / 8)
            let range = group * 8..<min(elements, (group + groups) * 8)
            var units = [UInt8](repeating: 0, count: range.count)
            try unsafe units.withUnsafeMutableBytes { try unsafe decoder.decode(range, into: $0) }
            let packed = CodeStream.pack(units.map { Int32($0) }, bits: bits)
            let length = min(packed.count - from, target.count - done)
            for index in 0..<length { unsafe target[done + index] = packed[from + index] }
            done += length
        }
    }
}

/// Elements of a plain tensor, as a component of sparse encodings: one unit a piece.
package final class PlainElements: ElementDecoder {
    private let bytes: TensorBytes
    private let bits: Int
    package var unitWidth: Int { max(1, bits / 8) }

    /// `bits` of one element: 2, 4, 6 or a multiple of 8.
    package init(_ bytes: TensorBytes, bits: Int) {
        self.bytes = bytes
        self.bits = bits
    }

    package func decode(_ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws {
        guard bits < 8 else {
            let width = bits / 8
            // Where the elements lie was counted in a mapped file, which may have changed since.
            guard range.upperBound <= bytes.count / width else {
                throw ModelError(.io, "element \(range.upperBound - 1) is asked for, there are \(bytes.count / width): the file changed while it was read")
            }
            return try unsafe bytes.read(range.lowerBound * width..<range.upperBound * width, into: target)
        }
        let codes = try CodeStream.unpack(bytes, bits: bits, isSigned: false, range: range)
        for (index, code) in codes.enumerated() { unsafe target[index] = UInt8(truncatingIfNeeded: code) }
    }
}
