package import Tensors

/// The storage tables of a file as plain values: what `payloads`, `segments` and `chunks` of the schema say. Numbers of codecs,
/// filters and encodings that this version does not know are kept, so that a file can be listed whatever it uses.
package struct PayloadTables: Equatable, Sendable {
    package var payloads: [PayloadRecord] = []
    package var segments: [SegmentRecord] = []
    package var chunks: [ChunkRecord] = []

    package init() {}
}

/// One array of values.
package struct PayloadRecord: Equatable, Sendable {
    package enum Data: Equatable, Sendable {
        case inline([UInt8])
        case blob(segment: Int, offset: Int, size: Int)
    }

    /// Ids are indices of `PayloadTables.payloads`, lower than the payload's own.
    package enum Encoding: Equatable, Sendable {
        case plain
        case affine(bits: Int, isSigned: Bool, block: [Int]?, scale: Int, zeroPoint: Int?)
        case palette(bits: Int, block: [Int]?, table: Int, vector: Int)
        case bitmask(values: Int, hintN: Int, hintM: Int, hintAxis: Int)
        case stringList(ends: Int)
        case gaps(values: Int)
        case transposed(of: Int)
        /// A union tag that this version does not know.
        case unknown(UInt8)
    }

    package var elementType: ElementType
    package var dims: [Int]
    package var data: Data
    package var encoding: Encoding

    package init(elementType: ElementType, dims: [Int], data: Data, encoding: Encoding) {
        self.elementType = elementType
        self.dims = dims
        self.data = data
        self.encoding = encoding
    }
}

/// A contiguous range of the file and how it decodes (`Segment` of the schema).
package struct SegmentRecord: Equatable, Sendable {
    package var offset: Int
    package var storedSize: Int
    package var rawSize: Int
    package var firstChunk: Int
    package var chunkCount: Int
    package var crc32: UInt32
    package var codec: UInt8
    package var filter: UInt8
    package var width: UInt8
    package var chunkLog2: UInt8

    package init(
        offset: Int, storedSize: Int, rawSize: Int, firstChunk: Int, chunkCount: Int, crc32: UInt32, codec: UInt8, filter: UInt8,
        width: UInt8, chunkLog2: UInt8
    ) {
        self.offset = offset
        self.storedSize = storedSize
        self.rawSize = rawSize
        self.firstChunk = firstChunk
        self.chunkCount = chunkCount
        self.crc32 = crc32
        self.codec = codec
        self.filter = filter
        self.width = width
        self.chunkLog2 = chunkLog2
    }
}

/// One chunk of a compressed segment (`Chunk` of the schema).
package struct ChunkRecord: Equatable, Sendable {
    package var storedSize: Int
    /// The bytes are the raw bytes.
    package var isVerbatim: Bool
    package var crc32: UInt32

    package init(storedSize: Int, isVerbatim: Bool, crc32: UInt32) {
        self.storedSize = storedSize
        self.isVerbatim = isVerbatim
        self.crc32 = crc32
    }
}
