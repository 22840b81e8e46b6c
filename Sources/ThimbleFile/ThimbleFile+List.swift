internal import ModelGraph
public import Tensors

extension ThimbleFile {
    /// What a file says that it holds, without its values: works also for a file whose encodings or codecs this version does not
    /// know.
    public struct Listing: Sendable {
        public let file: MappedFile
        /// Minor version of the format; the major one is 1.
        public let minorVersion: Int
        /// At least one. Tensors have their element types and dims, but no values, and long attributes are empty.
        public let entries: [Entry]
        package let tables: PayloadTables
        public let requires: [Name]
        /// Those of `requires` that this version does not know: why `read` would refuse.
        public let unknownRequirements: [Name]
        public let writer: Name?
        public let extra: [KeyValue]
        /// Bytes of the metadata in the file, and inflated.
        public let metadataStored: Int
        public let metadataRaw: Int
        private let users: PayloadUsers

        init(_ file: MappedFile, _ header: Header, _ metadata: MetadataReader) throws {
            self.file = file
            minorVersion = Int(header.minor)
            let tables = metadata.tables
            entries = try metadata.entries(
                MetadataReader.Values(
                    tensor: { id in
                        let record = tables.payloads[id]
                        return Tensor(record.elementType, dims: record.dims, encoding: .plain(.empty))
                    }, areThere: false))
            self.tables = tables
            requires = metadata.requires
            unknownRequirements = Requirements.unknown(metadata.requires)
            writer = metadata.writer
            extra = metadata.extra
            metadataStored = header.metadataStored
            metadataRaw = header.metadataRaw
            var users = metadata.users
            users.spread(tables)
            self.users = users
        }

        /// `tensor 'fc.weight'`: the first that uses the payload.
        package func user(ofPayload id: Int) -> String { users.name(id) }
    }

    /// Reads the metadata of `path` and nothing else. Checks its structure as `read` does, but no payload.
    public static func list(_ path: String) throws -> Listing {
        try at(path) {
            let file = try MappedFile(path)
            let header = try Header(file)
            return try within("metadata") {
                try Listing(file, header, MetadataReader(MetadataBlock.read(file, header), budget: ReadBudget(memoryLimit: 1 << 30)))
            }
        }
    }
}
