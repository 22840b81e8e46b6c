public import Simplification
public import Tensors

/// What `Thimble.convert` is asked to do beyond the conversion itself.
public struct ConversionOptions: Sendable {
    /// Compress weights (`.thimble` only).
    public var zlib: Bool
    /// Leave the metadata uncompressed, for devices that read it in place (`.thimble` only).
    public var plainMetadata: Bool
    /// Put all tensors of at least 1,024 bytes into a data file beside the model (`.onnx` only); weights beyond 2 GB go there anyway.
    public var externalData: Bool
    /// Replace an existing output.
    public var replacing: Bool
    public var open: OpenOptions
    public var threads: Int
    /// Simplify the graph; nil: leave it as it is.
    public var simplification: SimplificationOptions?
    /// Drop text that no runtime needs.
    public var strips: Bool
    /// Round the weights; nil: convert without loss.
    public var quantization: QuantizationRequest?
    /// Called now and then with what is being done.
    public var progress: @Sendable (String) -> Void = { _ in }

    public init(
        zlib: Bool = false, plainMetadata: Bool = false, externalData: Bool = false, replacing: Bool = false,
        open: OpenOptions = OpenOptions(), threads: Int = processorCount, simplification: SimplificationOptions? = nil, strips: Bool = false
    ) {
        self.zlib = zlib
        self.plainMetadata = plainMetadata
        self.externalData = externalData
        self.replacing = replacing
        self.open = open
        self.threads = threads
        self.simplification = simplification
        self.strips = strips
    }

    /// The options that decide the bytes of a `.thimble`, in one fixed spelling. Kept in the file, so that a batch can tell
    /// whether a file was made as it would be made now.
    public var canonical: String {
        var text = "zlib=\(zlib ? 1 : 0) plain_metadata=\(plainMetadata ? 1 : 0)"
        if let simplification {
            text += " simplify=\(simplification.passes?.joined(separator: ",") ?? "all")"
            if simplification.freezesDefaults { text += " freeze=1" }
            if !simplification.skipping.isEmpty { text += " skip=\(simplification.skipping.joined(separator: ","))" }
        }
        if let quantization { text += " " + quantization.canonical }
        return strips ? text + " strip=1" : text
    }

    /// The key of `canonical` in the `extra` of a file.
    static let extraKey: Name = "options"
}
