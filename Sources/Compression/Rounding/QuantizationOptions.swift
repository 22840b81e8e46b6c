public import Tensors

/// What the weights of a model become.
public struct QuantizationOptions: Sendable {
    public enum Scheme: Hashable, Sendable {
        /// Codes of 2 to 8 bits.
        case integers(bits: Int)
        /// Unclipped integers for an entropy coder. The step is in standard deviations of the weights.
        case entropy(step: Double)
        /// FLOAT16 or BFLOAT16, given to the model by a `Cast`.
        case half(ElementType)
    }

    /// What shares a scale.
    public enum Granularity: Hashable, Sendable {
        case tensor, channel
        /// That many weights of a row.
        case group(Int)
    }

    public enum Method: String, CaseIterable, Sendable {
        /// For each row of a weight the method of least measured error: where statistics of inputs are known the mean square of what changes at the output of
        /// the layer, e·H·eᵀ with the inputs' second moments H, damped as for `gptq`; else that of the weights. Zero points, unless they are asked for or ruled out, are
        /// for the weights of which `hqq`, which has them, measures better than all methods without. Of more than 2²⁰ elements, some rows decide about zero
        /// points for all, without statistics also about the method: the quickest of those whose errors are within a hundredth of the least. With `entropy` there are
        /// `rtn` and `gptq`, one for the whole weight.
        case auto
        /// Round to nearest, the largest weight decides the scale.
        case rtn
        /// Round to nearest with the scale that gives the least squared error; with data each error counts by the mean square of its input.
        case mse
        /// Half-quadratic: the zero point that is best where a few large errors count little.
        case hqq
        /// Round column by column, and let the columns to come make up for each error.
        case gptq
    }

    public var scheme: Scheme
    public var granularity: Granularity
    /// Each scale has a zero point. Nil: where `auto` measures that it is better, and with `hqq`.
    public var isAsymmetric: Bool?
    public var method: Method
    /// Only tensors whose names match one of these; none: all.
    public var only: [NamePattern]
    /// But not those that match one of these.
    public var except: [NamePattern]
    /// Elements below which a tensor stays as it is.
    public var smallest: Int
    /// The same for weights of `Conv`, `ConvTranspose`, `Gemm` and `MatMul`; nil: as for others.
    public var smallestOfProducts: Int?
    /// Columns are rounded in the order of what they are multiplied with, largest first (`gptq`).
    public var ordersColumns: Bool
    /// What is added to the diagonal of the input statistics, in parts of its mean (`gptq`). Nil: what is best on samples that are held out.
    public var damping: Double?
    /// Biases take up what rounding did to the mean of a layer's output.
    public var correctsBiases: Bool
    public var threads: Int

    public init(
        scheme: Scheme, granularity: Granularity = .channel, isAsymmetric: Bool? = nil, method: Method = .auto, only: [NamePattern] = [],
        except: [NamePattern] = [], smallest: Int = Weight.smallest, ordersColumns: Bool = true, damping: Double? = nil, correctsBiases: Bool = true,
        threads: Int = processorCount
    ) {
        self.scheme = scheme
        self.granularity = granularity
        self.isAsymmetric = isAsymmetric
        self.method = method
        self.only = only
        self.except = except
        self.smallest = smallest
        self.ordersColumns = ordersColumns
        self.damping = damping
        self.correctsBiases = correctsBiases
        self.threads = threads
    }

    func selects(_ name: Name) -> Bool {
        (only.isEmpty || only.contains { $0.matches(name.text) }) && !except.contains { $0.matches(name.text) }
    }
}

extension QuantizationOptions.Scheme: CustomStringConvertible {
    public var description: String {
        switch self {
        case .integers(let bits): "int\(bits)"
        case .entropy(let step): "entropy:\(step)"
        case .half(let type): type == .float16 ? "fp16" : "bf16"
        }
    }

    /// What `--quantize` takes; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "fp16": self = .half(.float16)
        case "bf16": self = .half(.bfloat16)
        case "entropy": self = .entropy(step: 0.17)
        default:
            if text.hasPrefix("int"), let bits = Int(text.dropFirst(3)), (2...8).contains(bits), text == "int\(bits)" {
                self = .integers(bits: bits)
            } else if text.hasPrefix("entropy:"), let step = Double(text.dropFirst(8)), step >= 0.0005, step <= 10 {
                self = .entropy(step: step)
            } else {
                return nil
            }
        }
    }
}

extension QuantizationOptions.Granularity: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tensor: "tensor"
        case .channel: "channel"
        case .group(let size): "group:\(size)"
        }
    }

    public init?(_ text: String) {
        switch text {
        case "tensor": self = .tensor
        case "channel": self = .channel
        default:
            guard text.hasPrefix("group:"), let size = Int(text.dropFirst(6)), size >= 2, size <= 1 << 20 else { return nil }
            self = .group(size)
        }
    }
}
