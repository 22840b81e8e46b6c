internal import CKernels

/// What is done to the raw bytes of a chunk before deflate (file format, section 5.2): bytes of like meaning come together.
package struct Filter: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case none = 0, byteShuffle, rot1ByteShuffle, unpackBits
    }

    package let kind: Kind
    /// Bytes of an integer; of `unpackBits` the bits of a code.
    package let width: Int

    /// Nil for a width that the kind does not have.
    package init?(_ kind: Kind, width: Int) {
        let allowed: [Int] =
            switch kind {
            case .none, .byteShuffle: [1, 2, 4, 8]
            case .rot1ByteShuffle: [2, 4, 8]
            case .unpackBits: [3, 5, 6, 7]
            }
        guard allowed.contains(width) else { return nil }
        self.kind = kind
        self.width = width
    }

    /// What a file says.
    package init(number: UInt8, width: UInt8) throws {
        guard let kind = Kind(rawValue: number) else {
            throw ModelError(.unsupported, "uses filter \(number); this version knows filters 0 to 3")
        }
        guard let filter = Filter(kind, width: Int(width)) else {
            throw ModelError(.damagedFile, "filter \(kind.name) does not work on a width of \(width)")
        }
        self = filter
    }

    /// Bytes that `rawCount` raw bytes become.
    package func filteredCount(_ rawCount: Int) -> Int {
        // 8 n / w without 8 n, which may leave 64 bits for sizes that a file claims.
        guard kind == .unpackBits else { return rawCount }
        let rest = 8 * (rawCount % width)
        return rawCount / width * 8 + ceilDivide(rest, width)
    }

    /// Where the planes of the filtered bytes end; one plane if the filter makes none.
    package func planeEnds(_ rawCount: Int) -> [Int] {
        let filtered = filteredCount(rawCount), each = rawCount / width
        guard kind == .byteShuffle || kind == .rot1ByteShuffle, each > 0 else { return [filtered] }
        return (1...width).map { $0 == width ? filtered : $0 * each }
    }

    /// Fills `output`, which holds `filteredCount(raw.count)` bytes.
    package func apply(_ raw: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
        precondition(output.count == filteredCount(raw.count), "an output of another size than the filtered bytes")
        guard let from = raw.baseAddress, let to = output.baseAddress else { return }
        let width = UInt32(self.width)
        switch kind {
        case .none: unsafe to.copyMemory(from: from, byteCount: raw.count)
        case .byteShuffle: unsafe thimble_shuffle(from, raw.count, width, to)
        case .rot1ByteShuffle: unsafe thimble_rot1_shuffle(from, raw.count, width, to)
        case .unpackBits: unsafe thimble_unpack_bits(from, raw.count, width, to)
        }
    }

    /// Fills `raw` from its filtered bytes.
    package func undo(_ filtered: UnsafeRawBufferPointer, into raw: UnsafeMutableRawBufferPointer) throws {
        precondition(filtered.count == filteredCount(raw.count), "an input of another size than the filtered bytes")
        guard let from = filtered.baseAddress, let to = raw.baseAddress else { return }
        let width = UInt32(self.width)
        switch kind {
        case .none: unsafe to.copyMemory(from: from, byteCount: raw.count)
        case .byteShuffle: unsafe thimble_unshuffle(from, raw.count, width, to)
        case .rot1ByteShuffle: unsafe thimble_rot1_unshuffle(from, raw.count, width, to)
        case .unpackBits:
            guard unsafe thimble_pack_bits(from, raw.count, width, to) else {
                throw ModelError(.damagedFile, "an unpacked code has bits beyond its \(width)")
            }
        }
    }
}

extension Filter.Kind {
    /// As the schema spells it.
    package var name: String {
        switch self {
        case .none: "NONE"
        case .byteShuffle: "BYTE_SHUFFLE"
        case .rot1ByteShuffle: "ROT1_BYTE_SHUFFLE"
        case .unpackBits: "UNPACK_BITS"
        }
    }
}

/// How a compressed segment is cut into chunks (file format, section 5.1).
package struct ChunkLayout: Hashable, Sendable {
    /// Raw bytes of the segment.
    package let rawSize: Int
    /// Raw bytes of every chunk but the last.
    package let chunkLength: Int

    /// `log2` in 12...24, `width` that of the segment's filter.
    package init(rawSize: Int, log2: Int, width: Int) {
        precondition((12...24).contains(log2) && width >= 1 && width <= 8 && rawSize >= 0, "a chunk layout outside the format")
        self.rawSize = rawSize
        chunkLength = 1 << log2 - (1 << log2) % width
    }

    package var count: Int { ceilDivide(rawSize, chunkLength) }

    /// Raw bytes that chunk `index` of `0..<count` covers.
    package func range(_ index: Int) -> Range<Int> {
        let start = index * chunkLength
        return start..<min(rawSize, start + chunkLength)
    }
}
