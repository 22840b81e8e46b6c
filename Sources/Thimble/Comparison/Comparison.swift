public import Tensors

/// How two models differ.
public struct Comparison: Sendable {
    /// One difference that is not a tensor's value.
    public struct Difference: Equatable, Sendable {
        /// What kind of thing: "model", "opset", "input", "output", "node", "function", "initializer".
        public var subject: String
        public var place: [String]
        /// What it is called, escaped; empty for the model itself.
        public var name: String
        /// Nil: added.
        public var before: String?
        /// Nil: removed.
        public var after: String?

        public var sentence: String {
            let what = ([subject] + (name.isEmpty ? [] : ["'\(name)'"])).joined(separator: " ")
            switch (before, after) {
            case (let before?, let after?): return "\(what): \(before) → \(after)"
            case (let before?, nil): return "\(what) removed: \(before)"
            case (nil, let after?): return "\(what) added: \(after)"
            case (nil, nil): return what
            }
        }
    }

    /// A tensor that both models hold, or one of them.
    public struct TensorChange: Sendable {
        public var before: Inspection.TensorRow?
        public var after: Inspection.TensorRow?
        /// Type, dims and all values are the same, bit for bit.
        public var isIdentical: Bool
        /// Nil where values cannot be set against each other: other dims, strings.
        public var error: ValueError?
    }

    public var before = ""
    public var after = ""
    public var bytesBefore = 0
    public var bytesAfter = 0
    public var differences: [Difference] = []
    /// All tensors in the order of the first model, then those that only the second has.
    public var tensors: [TensorChange] = []

    /// Nothing differs, in fields and in values.
    public var isIdentical: Bool { differences.isEmpty && tensors.allSatisfy(\.isIdentical) }
    public var changedTensors: [TensorChange] { tensors.filter { !$0.isIdentical } }
    /// True if there are more structural differences than `limit`, which are not listed.
    public var isCutShort = false

    var firstDifference: Difference? { differences.first }
}

extension Thimble {
    /// Compares two model files of any kinds: structure, and each tensor's bytes, encoding and values.
    public static func compare(_ before: String, _ after: String, options: OpenOptions = OpenOptions(), threads: Int = processorCount) throws -> Comparison {
        let a = try open(before, options: options), b = try open(after, options: options)
        var result = Comparison(a.model, b.model, limit: 10_000)
        result.before = before
        result.after = after
        result.bytesBefore = a.byteCount
        result.bytesAfter = b.byteCount
        try result.compareTensors(a, b, threads: threads)
        try a.checkUnchanged()
        try b.checkUnchanged()
        return result
    }
}
