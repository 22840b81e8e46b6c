public import Compression

/// What `convert --quantize` is asked for.
public struct QuantizationRequest: Sendable {
    /// How quantized weights stand in an `.onnx`.
    public enum OnnxForm: String, CaseIterable, Sendable {
        /// `DequantizeLinear`; where the operator set is too old for it and cannot be raised, `Cast` and `Mul`.
        case dequantize
        /// `MatMulNBits` and `GatherBlockQuantized` of ONNX Runtime where a product or a lookup allows it, else as above.
        case nbits
        /// The rounded values as plain floats.
        case float
    }

    public var options: QuantizationOptions
    /// Sources of samples as `--inputs` takes them; one that is "synthetic" makes them up.
    public var calibration: [String]
    public var sampleLimit: Int
    /// Samples to measure the result with.
    public var verification: [String]
    public var verificationLimit: Int
    public var onnxForm: OnnxForm
    /// Steps of `entropy` differ between tensors by how much they matter.
    public var balances: Bool
    /// Products compute with integers; nil: weights alone become smaller.
    public var activations: ActivationOptions?
    /// Make the channels between convolutions alike before weights alone are rounded.
    public var equalizes = false

    public init(
        options: QuantizationOptions, calibration: [String] = [], sampleLimit: Int = 64, verification: [String] = [], verificationLimit: Int = 64,
        onnxForm: OnnxForm = .dequantize, balances: Bool = true, activations: ActivationOptions? = nil
    ) {
        self.options = options
        self.calibration = calibration
        self.sampleLimit = sampleLimit
        self.verification = verification
        self.verificationLimit = verificationLimit
        self.onnxForm = onnxForm
        self.balances = balances
        self.activations = activations
    }

    /// In one fixed spelling, for `ConversionOptions.canonical`.
    var canonical: String {
        var parts = ["quantize=\(options.scheme)", "granularity=\(options.granularity)", "method=\(options.method.rawValue)"]
        if let isAsymmetric = options.isAsymmetric { parts.append("asymmetric=\(isAsymmetric ? 1 : 0)") }
        if equalizes { parts.append("equalize=1") }
        if let activations { parts += activations.canonical }
        if !balances { parts.append("balance=0") }
        if !options.correctsBiases { parts.append("bias_correction=0") }
        parts += options.only.map { "only=\($0)" } + options.except.map { "except=\($0)" } + calibration.map { "calibrate=\($0)" }
        return parts.joined(separator: " ")
    }
}

extension ActivationOptions {
    fileprivate var canonical: [String] {
        var parts = ["activations=\(elementType)", "range=\(range)"]
        if let floor { parts.append("floor=\(floor)") }
        if !smooths { parts.append("smooth=0") }
        if let equalizes { parts.append("equalize=\(equalizes ? 1 : 0)") }
        return parts
    }
}
