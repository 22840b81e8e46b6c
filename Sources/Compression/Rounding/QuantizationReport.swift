public import ModelGraph
public import Tensors

/// What became of each weight.
public struct QuantizationReport: Sendable {
    public struct Row: Sendable {
        public let name: Name
        public let place: Place
        public let users: [String]
        public let elementType: ElementType
        public let dims: [Int]
        public let byteCountBefore: Int
        /// Nil: it stays as it is.
        public var change: Change?
        public var reasonToStay: String?
    }

    public struct Change: Sendable {
        /// Of a code.
        public let bits: Int
        /// "int8", "entropy:0.17", "fp16".
        public let scheme: String
        /// That of most rows.
        public let method: QuantizationOptions.Method
        /// How many rows were rounded by each, most first; none where there are no rows to choose for (`fp16`, `bf16`).
        public let rows: [(method: QuantizationOptions.Method, count: Int)]
        /// Of a large weight: whether it has zero points, and without statistics the method, was decided by the errors of some of its rows.
        public let isChosenInPart: Bool
        /// Codes, scales and zero points.
        public let byteCount: Int
        /// The same after deflate; measured on a part of what is large.
        public let deflatedByteCount: Int
        public let isDeflatedMeasuredInPart: Bool
        public let sqnr: Double
        /// Statistics of its inputs were used.
        public let usedStatistics: Bool
    }

    public internal(set) var rows: [Row] = []
    /// Where statistics of inputs came from; nil if none were used.
    public internal(set) var calibration: String?
    /// Things to know that concern the whole.
    public internal(set) var notes: [String] = []

    public var changed: [Row] { rows.filter { $0.change != nil } }

    /// Of all that was changed.
    public var byteCountBefore: Int { changed.reduce(0) { $0 + $1.byteCountBefore } }
    public var byteCountAfter: Int { changed.reduce(0) { $0 + ($1.change?.byteCount ?? 0) } }
    public var deflatedByteCount: Int { changed.reduce(0) { $0 + ($1.change?.deflatedByteCount ?? 0) } }
}

extension QuantizationReport.Change {
    init(
        bits: Int, scheme: String, rows: [QuantizationOptions.Method: Int], isChosenInPart: Bool, byteCount: Int, deflatedByteCount: Int,
        isDeflatedMeasuredInPart: Bool, sqnr: Double, usedStatistics: Bool
    ) {
        let order = QuantizationOptions.Method.allCases.compactMap { method in rows[method].map { (method: method, count: $0) } }.sorted { $0.count > $1.count }
        (self.bits, self.scheme, self.rows, self.isChosenInPart) = (bits, scheme, order, isChosenInPart)
        method = order.first?.method ?? .rtn
        (self.byteCount, self.deflatedByteCount, self.isDeflatedMeasuredInPart) = (byteCount, deflatedByteCount, isDeflatedMeasuredInPart)
        (self.sqnr, self.usedStatistics) = (sqnr, usedStatistics)
    }

    /// Signal to noise in decibels; infinite where nothing was lost.
    static func sqnr(signal: Double, noise: Double) -> Double {
        noise > 0 ? 10 * (signal / noise).logarithm10 : .infinity
    }
}
