public import ModelGraph
public import Tensors

/// `.thimble` files: see `Schemas/thimble-format.md`.
public enum ThimbleFile {
    public struct ReadOptions: Sendable {
        /// The most bytes that decoding may produce; nil: the larger of 1 GiB and 64 times the file.
        public var maxDecoded: Int?

        public init(maxDecoded: Int? = nil) {
            self.maxDecoded = maxDecoded
        }
    }

    /// One model of a file.
    public struct Entry: Sendable {
        /// Its name in the file; "" for the only one.
        public let key: Name
        public let model: Model
        public let source: Source?
    }

    /// What a file holds. Plain tensors point into the mapped file; compressed ones are decoded when they are read.
    public struct Contents: Sendable {
        public let file: MappedFile
        /// At least one.
        public let entries: [Entry]
        /// How the values are stored.
        package let tables: PayloadTables
        public let requires: [Name]
        public let writer: Name?
        public let extra: [KeyValue]
        /// Bytes of the metadata in the file, and inflated.
        public let metadataStored: Int
        public let metadataRaw: Int

        public var model: Model { entries[0].model }
    }

    /// The file that a model came from.
    public struct Source: Equatable, Sendable {
        public var fileName: Name?
        public var byteCount: Int?
        public var crc32: UInt32?
        /// Writing the model as ONNX gives that file byte for byte.
        public var isByteExact: Bool
        /// A payload was changed on purpose.
        public var isLossy: Bool

        public init(fileName: Name? = nil, byteCount: Int? = nil, crc32: UInt32? = nil, isByteExact: Bool = false, isLossy: Bool = false) {
            self.fileName = fileName
            self.byteCount = byteCount
            self.crc32 = crc32
            self.isByteExact = isByteExact
            self.isLossy = isLossy
        }
    }

    public struct WriteOptions: Sendable {
        /// Compress weights (the metadata is compressed unless `plainMetadata`).
        public var zlib: Bool
        public var plainMetadata: Bool
        /// Chunks of compressed segments hold 2^this bytes, 12...24.
        public var chunkLog2: Int
        public var threads: Int
        /// Replace an existing file.
        public var replacing: Bool
        /// A file of more bytes is not written.
        public var largest: Int?
        public var source: Source?
        public var extra: [KeyValue]
        /// Called when all is written and before the file gets its name; if it throws, nothing is left behind.
        public var beforeCommit: (@Sendable () throws -> Void)?

        public init(
            zlib: Bool = false, plainMetadata: Bool = false, chunkLog2: Int = 18, threads: Int = processorCount, replacing: Bool = false,
            largest: Int? = nil, source: Source? = nil, extra: [KeyValue] = [], beforeCommit: (@Sendable () throws -> Void)? = nil
        ) {
            self.zlib = zlib
            self.plainMetadata = plainMetadata
            self.chunkLog2 = chunkLog2
            self.threads = threads
            self.replacing = replacing
            self.largest = largest
            self.source = source
            self.extra = extra
            self.beforeCommit = beforeCommit
        }
    }

    /// What was written.
    public struct Written: Sendable {
        public let byteCount: Int
        /// Bytes of all values, each tensor counted, as plain elements.
        public let plainByteCount: Int
        /// Bytes that were not stored because an equal tensor was.
        public let sharedByteCount: Int
        public let metadataByteCount: Int
    }
}
