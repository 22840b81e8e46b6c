public import Tensors

/// How activations become integers (`--activations`).
public struct ActivationOptions: Sendable {
    /// What part of the values that a tensor was seen to have its codes span; beyond it they are clipped.
    public enum Range: Hashable, Sendable {
        /// Each of the others for the whole model; the one whose outputs come out nearest.
        case auto
        /// All values.
        case minmax
        /// So many percent of the values that are not 0.
        case percentile(Double)
        /// The threshold whose quantized distribution has the least Kullback-Leibler divergence from the one seen (Migacz, "8-bit Inference with
        /// TensorRT", 2017).
        case entropy
        /// The range with the least squared error over the values seen.
        case mse
    }

    /// UINT8, which ONNX Runtime's kernels on x86 take, or INT8.
    public var elementType: ElementType
    public var range: Range
    /// Decibels of the outputs that are enough: layers go back to floats until they are reached. Nil: only layers whose own error is out of proportion.
    public var floor: Double?
    /// Scale channels before products so that none needs much more range than the others (SmoothQuant).
    public var smooths: Bool
    /// Scale the channels between convolutions for the same reason (cross-layer equalization). Nil: where it measures better.
    public var equalizes: Bool?
    public var threads: Int

    public init(
        elementType: ElementType = .uint8, range: Range = .auto, floor: Double? = nil, smooths: Bool = true, equalizes: Bool? = nil,
        threads: Int = processorCount
    ) {
        self.elementType = elementType
        self.range = range
        self.floor = floor
        self.smooths = smooths
        self.equalizes = equalizes
        self.threads = threads
    }

    /// What `auto` chooses from.
    static let candidates: [Range] = [.minmax, .percentile(99.999), .percentile(99.99), .mse, .entropy]
}

extension ActivationOptions.Range: CustomStringConvertible {
    public var description: String {
        switch self {
        case .auto: "auto"
        case .minmax: "minmax"
        case .percentile(let share): "percentile:\(share)"
        case .entropy: "entropy"
        case .mse: "mse"
        }
    }

    /// What `--activation-range` takes; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "auto": self = .auto
        case "minmax": self = .minmax
        case "percentile": self = .percentile(99.99)
        case "entropy": self = .entropy
        case "mse": self = .mse
        default:
            guard text.hasPrefix("percentile:"), let share = Double(text.dropFirst(11)), share >= 50, share <= 100 else { return nil }
            self = .percentile(share)
        }
    }
}
