public import ModelGraph
internal import OnnxFile
internal import Tensors
internal import ThimbleFile

/// A model file of either kind, open. Weights stay in the mapped files.
public struct ModelFile: Sendable {
    public let path: String
    public let kind: FileKind
    public internal(set) var model: Model
    /// Odd things that reading noticed.
    public let warnings: [Finding]
    let onnx: OnnxFile.Contents?
    let thimble: ThimbleFile.Contents?

    /// The file, then its files of external data.
    var files: [MappedFile] {
        if let onnx { return [onnx.file] + onnx.dataFiles }
        return thimble.map { [$0.file] } ?? []
    }

    /// Bytes of the file and of its external data.
    public var byteCount: Int { files.reduce(0) { $0 + $1.count } }
    var paths: [String] { files.map(\.path) }

    /// Throws if a file changed since it was opened: what was read may be a mixture.
    public func checkUnchanged() throws {
        for file in files { try file.checkUnchanged() }
    }
}

/// How files are opened.
public struct OpenOptions: Sendable {
    /// Allow external data behind symbolic and hard links.
    public var followLinks: Bool
    /// The most bytes that decoding a `.thimble` may produce; nil: the larger of 1 GiB and 64 times the file.
    public var maxDecoded: Int?
    /// For who runs the model and shows nothing of it: without what the file says about values between nodes.
    var readsValueInfo = true

    public init(followLinks: Bool = false, maxDecoded: Int? = nil) {
        self.followLinks = followLinks
        self.maxDecoded = maxDecoded
    }
}

extension Thimble {
    /// Opens a model file of either kind; which one it is follows from its content.
    public static func open(_ path: String, options: OpenOptions = OpenOptions()) throws -> ModelFile {
        try inFile(path) {
            let file = try MappedFile(path)
            switch FileKind(of: file) {
            case .onnx:
                let contents = try OnnxFile.read(file, options: .init(followLinks: options.followLinks, readsValueInfo: options.readsValueInfo))
                return ModelFile(path: path, kind: .onnx, model: contents.model, warnings: contents.warnings, onnx: contents, thimble: nil)
            case .thimble:
                let contents = try ThimbleFile.read(file, options: .init(maxDecoded: options.maxDecoded))
                return ModelFile(
                    path: path, kind: .thimble, model: contents.model, warnings: otherModels(contents), onnx: nil, thimble: contents)
            }
        }
    }

    private static func otherModels(_ contents: ThimbleFile.Contents) -> [Finding] {
        guard contents.entries.count > 1 else { return [] }
        return [Finding(.warning, at: [], "holds \(contents.entries.count) models; only the first, '\(contents.entries[0].key)', is looked at")]
    }
}
