internal import ModelGraph
public import Tensors

/// How far one output of a model lies from that of a reference, over all samples.
public struct OutputFidelity: Sendable {
    /// How often the greatest score, or a label, is the same.
    public struct Agreement: Equatable, Sendable {
        public var equal: Int
        public var rows: Int
        /// Why it makes sense to ask.
        public var why: String

        public var share: Double { rows == 0 ? 1 : Double(equal) / Double(rows) }
    }

    /// One sample of it.
    public struct Worst: Sendable {
        public var index: Int
        /// Where the sample comes from, escaped.
        public var origin: String
        public var error: ValueError
    }

    public var name: Name
    public var candidateName: Name
    /// Of the first sample, as the reference makes it and as the candidate does: `FLOAT[1, 10]`.
    public var type = ""
    public var candidateType = ""
    public var samples = 0
    /// Samples whose values cannot be set against each other, and the first reason.
    public var incomparableSamples = 0
    public var incomparable: String?
    /// Over all samples together.
    public var error = ValueError()
    /// Nil for numbers that are neither scores nor labels.
    public var top1: Agreement?
    /// The sample with the most noise; nil if none differs.
    public var worst: Worst?

    public var isEqual: Bool { incomparableSamples == 0 && error.isEqual }
    /// Strings, booleans and whole numbers of 32 or 64 bits say what something is rather than how much.
    public internal(set) var isLabel = false
}

/// Collects an `OutputFidelity`, sample by sample.
struct OutputMeter {
    private var result: OutputFidelity
    private let scores: ClassScores?
    private var sums = ErrorSums()

    init(_ name: Name, _ candidate: Name, in model: Model) {
        result = OutputFidelity(name: name, candidateName: candidate)
        scores = ClassScores(name, of: model)
    }

    var fidelity: OutputFidelity {
        var result = result
        result.error = sums.result
        return result
    }

    mutating func add(_ a: Value, _ b: Value, _ sample: Sample) throws {
        if result.samples == 0 { (result.type, result.candidateType) = (a.summary, b.summary) }
        result.samples += 1
        var leaves: [Leaf] = []
        if let reason = try Leaf.pair(a, b, into: &leaves) {
            result.incomparableSamples += 1
            result.incomparable = result.incomparable ?? "\(reason) in sample \(sample.index)"
            return
        }
        var own = ErrorSums()
        for leaf in leaves {
            try own.add(leaf.a, leaf.b)
            try countAgreement(leaf)
        }
        sums.add(own)
        let error = own.result
        if !error.isEqual, result.worst.map({ error.isWorse(than: $0.error) }) ?? true {
            result.worst = OutputFidelity.Worst(index: sample.index, origin: sample.origin, error: error)
        }
    }

    private mutating func countAgreement(_ leaf: Leaf) throws {
        var agreement = result.top1 ?? OutputFidelity.Agreement(equal: 0, rows: 0, why: "")
        if leaf.a.elementType.isLabel {
            var sums = ErrorSums()
            try sums.add(leaf.a, leaf.b)
            agreement.why = "labels: \(leaf.a.elementType), equal or not"
            agreement.rows += sums.result.elementCount
            agreement.equal += sums.result.elementCount - sums.result.differingCount
            result.isLabel = true
        } else if leaf.isMap || leaf.isOfFloats, let classes = leaf.isMap ? leaf.a.elementCount : scores?.classes(leaf.a.dims), classes > 1 {
            agreement.why = leaf.isMap ? "a map from classes to scores" : scores?.why ?? ""
            try leaf.forEachRow(of: classes) { a, b in
                agreement.rows += 1
                agreement.equal += a == b ? 1 : 0
            }
        } else {
            return
        }
        result.top1 = agreement
    }
}

extension ValueError {
    /// Which of two is further off: broken numbers first, then noise, then how many differ.
    func isWorse(than other: ValueError) -> Bool {
        (brokenCount, noise, differingCount) > (other.brokenCount, other.noise, other.differingCount)
    }
}

extension ElementType {
    fileprivate var isLabel: Bool { [.string, .bool, .int32, .int64].contains(self) }
}

/// Two tensors at the same place of two values.
private struct Leaf {
    let a: Tensor
    let b: Tensor
    /// The scores of one map.
    let isMap: Bool

    /// Of whole bytes, so that a row can begin anywhere.
    var isOfFloats: Bool { [a, b].allSatisfy { $0.elementType.isFloat && ($0.elementType.bitWidth ?? 0) >= 8 } }

    /// All of two values; says why where that cannot be.
    static func pair(_ a: Value, _ b: Value, into leaves: inout [Leaf]) throws -> String? {
        switch (a, b) {
        case (.tensor(let x), .tensor(let y)):
            let areNumbers = x.elementType.isNumber && y.elementType.isNumber, areStrings = x.elementType == .string && y.elementType == .string
            guard x.dims == y.dims, areNumbers || areStrings else { return "\(a.summary) against \(b.summary)" }
            leaves.append(Leaf(a: x, b: y, isMap: false))
        case (.sequence(let x), .sequence(let y)):
            guard x.count == y.count else { return "\(a.summary) against \(b.summary)" }
            for (one, other) in zip(x, y) { if let reason = try pair(one, other, into: &leaves) { return reason } }
        case (.optional(let x), .optional(let y)):
            guard let x, let y else { return (x == nil) == (y == nil) ? nil : "\(a.summary) against \(b.summary)" }
            return try pair(x, y, into: &leaves)
        case (.map(let x), .map(let y)):
            guard x.map(\.key) == y.map(\.key) else { return "maps of other keys" }
            guard let one = try scores(x), let other = try scores(y) else {
                for (one, other) in zip(x, y) { if let reason = try pair(.tensor(one.value), .tensor(other.value), into: &leaves) { return reason } }
                return nil
            }
            leaves.append(Leaf(a: one, b: other, isMap: true))
        default: return "\(a.summary) against \(b.summary)"
        }
        return nil
    }

    /// The numbers of a map as one tensor; nil if its values are none.
    private static func scores(_ entries: [Value.MapEntry]) throws -> Tensor? {
        var numbers: [Double] = []
        for entry in entries {
            guard entry.value.elementCount == 1, entry.value.elementType.isNumber else { return nil }
            numbers += try entry.value.elementType.decode(entry.value.plainBytes(), from: 0, 1)
        }
        return try NewElements(numbers).tensor(.double, [numbers.count])
    }

    /// Where the greatest number of each row of `count` is, in both.
    func forEachRow(of count: Int, _ body: (Int?, Int?) -> Void) throws {
        let all = a.elementCount ?? 0, step = max(1, (1 << 15) / count) * count, x = try a.plainBytes(), y = try b.plainBytes()
        for start in stride(from: 0, to: all, by: step) {
            let part = min(step, all - start)
            let one = try a.elementType.decode(x, from: start, part), other = try b.elementType.decode(y, from: start, part)
            for row in stride(from: 0, to: part, by: count) { body(one.indexOfGreatest(in: row..<row + count), other.indexOfGreatest(in: row..<row + count)) }
        }
    }
}
