public import ModelGraph
public import Tensors

/// `.onnx` files: protobuf, decoded by protobuf-c, with payloads left where they are.
public enum OnnxFile {
    public struct ReadOptions: Sendable {
        /// Allow external data behind symbolic links and hard links (as model-hub caches keep it).
        public var followLinks: Bool
        /// Read what the file says about the values between nodes (`value_info`), which nobody needs who runs the model.
        public var readsValueInfo: Bool

        public init(followLinks: Bool = false, readsValueInfo: Bool = true) {
            self.followLinks = followLinks
            self.readsValueInfo = readsValueInfo
        }
    }

    /// What a file holds. The model's tensors point into the mapped files.
    public struct Contents: Sendable {
        public let model: Model
        public let file: MappedFile
        /// Files of external data, each once, in the order of first use.
        public let dataFiles: [MappedFile]
        /// Odd things that reading noticed and took in the one way they can be meant.
        public let warnings: [Finding]

        /// Throws if any of the files changed since it was opened.
        public func checkUnchanged() throws {
            for file in [file] + dataFiles { try file.checkUnchanged() }
        }
    }

    public struct WriteOptions: Sendable {
        public enum ExternalData: Sendable {
            /// Inline, unless the file would pass 2 GB, the limit of protobuf.
            case automatic
            /// All tensors of at least 1,024 bytes go to a data file.
            case always
        }

        /// Replace an existing file.
        public var replacing: Bool
        /// A file of more bytes, external data included, is not written.
        public var largest: Int?
        public var externalData: ExternalData
        /// Called when all is written and before the file gets its name; if it throws, nothing is left behind.
        public var beforeCommit: (@Sendable () throws -> Void)?

        public init(
            replacing: Bool = false, largest: Int? = nil, externalData: ExternalData = .automatic, beforeCommit: (@Sendable () throws -> Void)? = nil
        ) {
            self.replacing = replacing
            self.largest = largest
            self.externalData = externalData
            self.beforeCommit = beforeCommit
        }
    }

    /// What was written.
    public struct Written: Sendable {
        public let byteCount: Int
        /// The data file beside it, if there is one.
        public let dataFile: (path: String, byteCount: Int)?
    }

    /// Files above this size are read at few places only, far apart: reading ahead would fill the memory with weights.
    static let sparseReadingSize = 64 << 20

    /// The size that protobuf libraries read at most.
    static let sizeLimit = Int(Int32.max)

    /// Reads `path`. Everything in it is checked to be whole: the protobuf, every tensor's values, every attribute's type. That
    /// the graph obeys the specification is not checked here.
    public static func read(_ path: String, options: ReadOptions = ReadOptions()) throws -> Contents {
        try read(MappedFile(path), options: options)
    }

    /// The same for a file that is open.
    public static func read(_ file: MappedFile, options: ReadOptions = ReadOptions()) throws -> Contents {
        try within(printable(file.path)) {
            let isLarge = file.count > sparseReadingSize
            if isLarge { file.adviseRandomAccess() }
            let decoder = try Decoder(file, options: options)
            let model: Model?
            do {
                model = try decoder.model()
            } catch let error as ModelError {
                let foreign = decoder.isModel ? nil : ForeignFormats.describe(decoder.bytes)
                throw foreign.map { ModelError(.damagedFile, $0) } ?? error.withShortPlace()
            }
            guard let model else {
                let what = ForeignFormats.describe(decoder.bytes) ?? "the model has no graph; the file may be cut off, or be no ONNX model"
                throw ModelError(.damagedFile, what)
            }
            let dataFiles = decoder.dataFiles
            for file in dataFiles + [file] where file.count > sparseReadingSize { file.adviseNormalAccess() }
            return Contents(model: model, file: file, dataFiles: dataFiles, warnings: decoder.finishedWarnings())
        }
    }

    /// Writes `model` to `path`.
    public static func write(_ model: Model, to path: String, options: WriteOptions = WriteOptions()) throws -> Written {
        let output = try OutputFile(path, replacing: options.replacing)
        var writer = try ModelWriter()
        var dataFile: ExternalDataWriter?
        var byteCount = options.externalData == .always ? .max : try within(printable(path)) { try writer.measure(model) }
        if byteCount > sizeLimit {
            let beside = try ExternalDataWriter(path + ".data", replacing: options.replacing)
            writer = try ModelWriter(dataFile: beside)
            byteCount = try within(printable(path)) { try writer.measure(model) }
            guard byteCount <= sizeLimit else {
                throw ModelError(.limit, "needs \(byteCount) bytes without its large tensors, protobuf allows \(sizeLimit)")
            }
            if beside.output.position > 0 { dataFile = beside }
        }
        try within(printable(path)) { try ModelError.checkSize(byteCount + (dataFile?.output.position ?? 0), largest: options.largest) }
        try writer.pack(model, into: FileSink(output))
        guard output.position == byteCount else {
            throw ModelError(.internalFault, "\(output.position) bytes were written, \(byteCount) were measured")
        }
        try dataFile?.output.prepare()
        try output.prepare()
        try options.beforeCommit?()
        try dataFile?.output.commit()
        do {
            try output.commit()
        } catch {
            dataFile?.output.retract()
            throw error
        }
        return Written(byteCount: byteCount, dataFile: dataFile.map { ($0.output.path, $0.output.position) })
    }

    /// True if writing `model` inline gives the bytes of `file` exactly. Costs the metadata only: a payload that lies at its
    /// own place in `file` is not read.
    public static func serialization(of model: Model, equals file: MappedFile) throws -> Bool {
        if file.count > sparseReadingSize { file.adviseRandomAccess() }
        defer { if file.count > sparseReadingSize { file.adviseNormalAccess() } }
        let writer = try ModelWriter()
        guard try writer.measure(model) == file.count else { return false }
        do {
            try writer.pack(model, into: ComparingSink(file))
            return true
        } catch is ComparingSink.Difference {
            return false
        }
    }
}

extension ModelError {
    /// With the middle of a long place left out: graphs inside graphs may be dozens deep.
    fileprivate func withShortPlace() -> ModelError {
        guard place.count > 10 else { return self }
        return ModelError(code, message, at: place.prefix(4) + ["… \(place.count - 8) more levels …"] + place.suffix(4))
    }
}
