internal import ModelGraph
public import Tensors

extension ThimbleFile {
    /// Maps `path`, checks its structure wholly and its values not at all: opening costs the metadata. (Files of up to 1 MiB are
    /// checked with their values, which costs nothing there.) Refuses a file that needs what this version does not know; `list`
    /// tells about it.
    public static func read(_ path: String, options: ReadOptions = ReadOptions()) throws -> Contents {
        try at(path) { try read(MappedFile(path), options: options) }
    }

    /// The same for a file that is open.
    public static func read(_ file: MappedFile, options: ReadOptions = ReadOptions()) throws -> Contents {
        try at(file.path) { try open(file, options, checkingLayout: true).contents }
    }

    /// A file with the structure of everything in it checked.
    struct Opened {
        let contents: Contents
        let payloads: PayloadReader
        let users: PayloadUsers
        let strings: [Name]
    }

    /// `checkingLayout` is for those who do not ask the payload reader to verify everything, gaps and segments included.
    static func open(_ file: MappedFile, _ options: ReadOptions, checkingLayout: Bool) throws -> Opened {
        let header = try Header(file)
        let budget = max(1 << 30, options.maxDecoded ?? 0)
        let metadata = try within("metadata") {
            try MetadataReader(MetadataBlock.read(file, header), budget: ReadBudget(memoryLimit: budget), namingUsers: !checkingLayout)
        }
        try Requirements.checkKnown(metadata.requires)
        let maxDecoded = options.maxDecoded ?? max(1 << 30, file.count.multipliedReportingOverflow(by: 64).partialValue)
        let payloads = try PayloadReader(metadata.tables, file: file, metadata: header.metadata, maxDecoded: maxDecoded)
        if checkingLayout { try FileLayout(file, header, metadata.tables.segments).check() }
        let entries = try metadata.entries(MetadataReader.Values(tensor: payloads.tensor, areThere: true))
        let contents = Contents(
            file: file, entries: entries, tables: metadata.tables, requires: metadata.requires, writer: metadata.writer,
            extra: metadata.extra, metadataStored: header.metadataStored, metadataRaw: header.metadataRaw)
        return Opened(contents: contents, payloads: payloads, users: metadata.users, strings: metadata.strings)
    }

    /// Puts the path in front of an error that does not have it yet.
    static func at<R>(_ path: String, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as ModelError {
            let place = printable(path)
            throw error.place.first == place ? error : error.at(place)
        }
    }
}
