public import ModelGraph
internal import Tensors

extension ThimbleFile {
    /// Writes `model` to `path`. Memory does not grow with the weights. Same model, options and version: same bytes.
    ///
    /// An attribute whose `hasValue` is false is written without its value.
    public static func write(_ model: Model, to path: String, options: WriteOptions = WriteOptions()) throws -> Written {
        let (output, written) = try at(path) { try writeAll(model, to: path, options: options) }
        // Not `path`'s fault, if it throws.
        try options.beforeCommit?()
        try at(path) { try output.commit() }
        return written
    }

    /// Everything but the name.
    private static func writeAll(_ model: Model, to path: String, options: WriteOptions) throws -> (OutputFile, Written) {
        let output = try OutputFile(path, replacing: options.replacing)
        try output.append([UInt8](repeating: 0, count: Header.byteCount))
        let payloads = try PayloadWriter(output, options: options)
        let metadata = MetadataWriter(payloads)
        try metadata.add(model, key: "", source: options.source)
        let tables = try payloads.finish()
        let raw = try metadata.finish(tables: tables, extra: options.extra)
        let header = try write(raw, compressed: !options.plainMetadata, to: output)
        try ModelError.checkSize(header.fileSize, largest: options.largest)
        try output.overwrite(header.bytes, at: 0)
        try output.prepare()
        let written = Written(
            byteCount: header.fileSize, plainByteCount: metadata.tally.plainByteCount,
            sharedByteCount: metadata.tally.sharedByteCount(tables), metadataByteCount: header.metadataStored)
        return (output, written)
    }

    /// Appends the metadata, compressed where that makes it smaller, and returns the header that goes with it.
    private static func write(_ raw: [UInt8], compressed: Bool, to output: OutputFile) throws -> Header {
        try output.pad(to: 64)
        let offset = output.position
        let smaller = compressed ? try MetadataBlock.deflated(raw) : nil
        let stored = smaller ?? raw
        try output.append(stored)
        return Header(
            fileSize: output.position, metadataOffset: offset, metadataStored: stored.count, metadataRaw: raw.count,
            metadataCRC32: unsafe stored.withUnsafeBytes { unsafe MetadataBlock.crc32($0) }, isCompressed: smaller != nil)
    }
}
