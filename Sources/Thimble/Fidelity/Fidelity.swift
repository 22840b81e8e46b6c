internal import Execution
internal import ModelGraph
public import Tensors

/// How far a model's outputs lie from those of a reference on the same inputs.
public struct Fidelity: Sendable {
    public var reference = ""
    public var candidate = ""
    public var samples = 0
    /// In the order of the reference.
    public var outputs: [OutputFidelity] = []
    /// Outputs of the reference that the candidate does not have.
    public var unmatchedOutputs: [Name] = []
    /// Nil unless asked for.
    public var layers: LayerFidelity?
    public var limits = FidelityLimits()
    /// Seconds that all samples took together.
    public var referenceSeconds = 0.0
    public var candidateSeconds = 0.0

    /// Every value of every output is the same.
    public var isEqual: Bool { unmatchedOutputs.isEmpty && outputs.allSatisfy(\.isEqual) }

    /// The output that is furthest off, nil if none is.
    public var worstOutput: OutputFidelity? {
        var worst: OutputFidelity?
        for output in outputs where !output.isEqual && (worst.map { output.error.isWorse(than: $0.error) } ?? true) { worst = output }
        return worst
    }

    /// What of the limits is missed, a sentence each.
    public var missed: [String] { limits.misses(of: self) }
}

/// What a candidate must reach, for every output over all samples together; nil asks for nothing.
public struct FidelityLimits: Sendable {
    public var cosine: Double?
    public var sqnrDecibels: Double?
    public var absoluteError: Double?
    /// Of the largest error over the largest magnitude of the reference's output.
    public var relativeError: Double?
    /// Share of equal answers, 0 to 1.
    public var top1: Double?

    public init(cosine: Double? = nil, sqnrDecibels: Double? = nil, absoluteError: Double? = nil, relativeError: Double? = nil, top1: Double? = nil) {
        self.cosine = cosine
        self.sqnrDecibels = sqnrDecibels
        self.absoluteError = absoluteError
        self.relativeError = relativeError
        self.top1 = top1
    }

    public var isEmpty: Bool { [cosine, sqnrDecibels, absoluteError, relativeError, top1].allSatisfy { $0 == nil } }

    /// Whatever is asked for, what cannot be compared or is broken misses it.
    func misses(of fidelity: Fidelity) -> [String] {
        guard !isEmpty else { return [] }
        var misses = fidelity.unmatchedOutputs.map { "output '\($0)' is missing" }
        if let top1, !fidelity.outputs.contains(where: { $0.top1 != nil }) {
            misses.append("no output is one of classes or labels, top-1 agreement of \(percent(top1)) is asked for")
        }
        for output in fidelity.outputs {
            misses += self.misses(of: output).map { "output '\(output.name)' \($0)" }
        }
        return misses
    }

    private func misses(of output: OutputFidelity) -> [String] {
        if let reason = output.incomparable { return ["cannot be compared: \(reason)"] }
        let error = output.error
        if error.brokenCount > 0 { return ["is broken: \(counted(error.brokenCount, "value")) NaN or infinite on one side only"] }
        var misses: [String] = []
        if let top1, let agreement = output.top1, agreement.share < top1 {
            misses.append("has a top-1 agreement of \(percent(agreement.share)), \(percent(top1)) is asked for")
        }
        guard !output.isLabel else { return misses }
        // Without an error both are as good as can be; an error without a signal has neither.
        if let cosine, !error.isEqual, error.cosine ?? -1 < cosine {
            misses.append("has a cosine of \(error.cosine.map { decimals($0, 6) } ?? "none"), \(cosine) is asked for")
        }
        if let sqnrDecibels, error.noise > 0, error.sqnrDecibels ?? -.infinity < sqnrDecibels {
            misses.append("has \(error.sqnrDecibels.map { decimals($0, 2) } ?? "no") dB, \(sqnrDecibels) is asked for")
        }
        if let absoluteError, error.largest > absoluteError {
            misses.append("has an error of \(significant(error.largest)), at most \(significant(absoluteError)) is asked for")
        }
        if let relativeError, error.largest > 0, error.largestRelative ?? .infinity > relativeError {
            misses.append("has a relative error of \(error.largestRelative.map(significant) ?? "infinity"), at most \(significant(relativeError)) is asked for")
        }
        return misses
    }
}

/// How two models are compared by what they compute.
public struct FidelityOptions: Sendable {
    public var samples: SampleOptions
    /// Compare the values between the nodes, too.
    public var comparesLayers: Bool
    public var limits: FidelityLimits
    public var threads: Int
    /// Of each run.
    public var runLimits: RunLimits
    public var open: OpenOptions

    public init(
        samples: SampleOptions, comparesLayers: Bool = false, limits: FidelityLimits = FidelityLimits(), threads: Int = processorCount,
        runLimits: RunLimits = RunLimits(), open: OpenOptions = OpenOptions()
    ) {
        self.samples = samples
        self.comparesLayers = comparesLayers
        self.limits = limits
        self.threads = threads
        self.runLimits = runLimits
        self.open = open
    }
}

extension Thimble {
    /// Runs two models on the same inputs, sample by sample, and tells how far their outputs lie apart.
    public static func fidelity(_ reference: String, _ candidate: String, options: FidelityOptions) throws -> Fidelity {
        let a = try open(reference, options: options.open), b = try open(candidate, options: options.open)
        let session = options.runLimits.session(threads: options.threads, seed: options.samples.seed)
        let first = try inFile(reference) { try Session(a.model, options: session) }
        let second = try inFile(candidate) { try Session(b.model, options: session) }
        var result = try inFile(reference, orOneOf: [candidate] + options.samples.inputs) {
            let source = try SampleSource(options.samples, for: first)
            let limit = options.comparesLayers ? options.limits.sqnrDecibels ?? 60 : nil
            var meter = try FidelityMeter(a.model, b.model, sessions: (first, second), layerLimit: limit)
            try source.forEach { sample in try within(sample.place) { try meter.add(sample) } }
            try a.checkUnchanged()
            try b.checkUnchanged()
            return meter.fidelity
        }
        (result.reference, result.candidate, result.limits) = (reference, candidate, options.limits)
        return result
    }
}
