public import Tensors

/// What became of the activations of a model.
public struct ActivationReport: Sendable {
    /// A value that became codes.
    public struct Row: Sendable {
        public let name: Name
        /// The least and the greatest number seen.
        public let seen: (low: Float, high: Float)
        /// What the codes span.
        public let range: (low: Float, high: Float)
        public let scale: Float
        public let zeroPoint: Int
        public let method: ActivationOptions.Range
        /// Of the codes to the values seen, in decibels; infinite where nothing was lost.
        public let sqnr: Double
    }

    /// A product that computes with floats all the same.
    public struct FloatLayer: Sendable {
        public let label: String
        public let reason: String
    }

    public internal(set) var elementType: ElementType = .int8
    public internal(set) var rows: [Row] = []
    /// Nodes that compute with integers, products among them.
    public internal(set) var integerNodes = 0
    public internal(set) var integerProducts = 0
    public internal(set) var floatLayers: [FloatLayer] = []
    /// The method taken, and what each that was tried brings at the model's outputs, in decibels.
    public internal(set) var method: ActivationOptions.Range = .minmax
    public internal(set) var tried: [(method: ActivationOptions.Range, sqnr: Double)] = []
    /// Of the outputs on the samples that measured, before and after layers went back to floats.
    public internal(set) var sqnrBefore: Double?
    public internal(set) var sqnr: Double?
    public internal(set) var sampleCount = 0
    /// Samples that measured before they calibrated, and all that measured.
    public internal(set) var heldBack = 0
    public internal(set) var measured = 0
    /// Products whose inputs' channels were scaled, and how.
    public internal(set) var smoothings: [Smoothing] = []
    /// Pairs of convolutions whose channels were made alike.
    public internal(set) var equalizedPairs = 0
    public internal(set) var notes: [String] = []

    /// Channels of a value that were divided by (greatest activation)^strength / (greatest weight)^(1 − strength).
    public struct Smoothing: Sendable {
        public let name: Name
        public let strength: Double
        /// Where the division went: into the constants of a node before, or a `Mul` of its own.
        public let isFolded: Bool
        /// What the products lose without and with it, in decibels of their results.
        public let before: Double
        public let after: Double
    }
}
