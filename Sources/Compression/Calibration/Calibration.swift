internal import Execution
internal import Operators
public import ModelGraph
public import Tensors

/// What is known of how a model is used, from running it on samples.
public final class Calibration: @unchecked Sendable {
    /// In words, for the report.
    public let origin: String
    public let notes: [String]
    private let known: [Place: InputStatistics]
    private let lookups: [Place: LookupCounts]
    private var factors: [Place: Float] = [:]

    init(origin: String, notes: [String], known: [Place: InputStatistics], lookups: [Place: LookupCounts] = [:]) {
        (self.origin, self.notes, self.known, self.lookups) = (origin, notes, known, lookups)
    }

    /// Less than that tell too little for a third of them to be held out.
    static let leastSamples = 9
    static func isHeldOut(_ sample: Int, of count: Int) -> Bool { count >= leastSamples && sample % 3 == 2 }

    func statistics(_ weight: Weight) throws -> InputStatistics? { known[weight.place] }

    func stepFactor(_ weight: Weight) -> Float { factors[weight.place] ?? 1 }

    /// For each row of a table how much wider its step should be than the table's; nil if it is none or nothing is known of it.
    func rowFactors(_ weight: Weight) -> [Float]? { factors.isEmpty ? nil : lookups[weight.place]?.stepFactors() }

    func setStepFactors(_ factors: [Place: Float]) { self.factors = factors }

    /// The same without the samples that are held out, for a trial that these then judge.
    public func withoutHeldOut() -> Calibration {
        var trained: [ObjectIdentifier: InputMoments] = [:]
        let part = known.mapValues { statistics in
            InputStatistics(
                moments: statistics.moments.map { moments in
                    if let made = trained[ObjectIdentifier(moments)] { return made }
                    let made = moments.withoutHeldOut()
                    trained[ObjectIdentifier(moments)] = made
                    return made
                })
        }
        return Calibration(origin: origin, notes: notes, known: part)
    }
}

/// Sets of input values of a model, and where they come from.
public struct Samples: Sendable {
    public var values: [[Name: Value]]
    /// "64 samples of calib.npz", "16 synthetic samples".
    public var origin: String
    /// Made up; what they look up says nothing.
    public var isSynthetic: Bool

    public init(_ values: [[Name: Value]], origin: String, isSynthetic: Bool = false) {
        (self.values, self.origin, self.isSynthetic) = (values, origin, isSynthetic)
    }
}

extension Calibration {
    /// Runs `model` on the samples and sums up what its weights are multiplied with. Memory does not grow with the samples: where the sums of all
    /// weights would take more than `memory`, the samples are run again for the next ones.
    public static func measure(
        _ model: Model, samples: Samples, options: QuantizationOptions, memory: Int = 256 << 20, progress: @Sendable (String) -> Void = { _ in }
    ) throws -> Calibration {
        let weights = model.weights(smallest: options.smallest, ofProducts: options.smallestOfProducts).filter { $0.reasonToStay == nil && options.selects($0.name) }
        var notes: [String] = [], known: [Place: InputStatistics] = [:]
        let wanted = weights.compactMap(Wanted.init)
        let large = wanted.count { $0.count > largestCount && !$0.source.isLookup }
        if large > 0 { notes.append("\(large) weights have more than \(largestCount) inputs and are rounded without statistics") }
        var rest = wanted.filter { $0.count <= largestCount || $0.source.isLookup }
        let sets = samples.values.count >= leastSamples ? 4 : 2
        var lookups: [Place: LookupCounts] = [:]
        while !rest.isEmpty {
            var sources: Set<Wanted.Source> = [], size = 0, part: [Wanted] = []
            while let next = rest.first {
                let more = sources.contains(next.source) ? 0 : next.source.isLookup ? next.count * 8 : sets * next.count * next.count * 4 * next.matrices
                guard part.isEmpty || size + more <= memory else { break }
                size += more
                sources.insert(next.source)
                part.append(next)
                rest.removeFirst()
            }
            let sums = try run(model, part, samples, options, progress)
            var made: [Wanted.Source: InputStatistics] = [:]
            for wanted in part {
                if wanted.source.isLookup {
                    if let counts = sums.lookups[wanted.source], counts.total > 0 { lookups[wanted.place] = counts }
                    continue
                }
                if made[wanted.source] == nil {
                    let moments = sums.moments[wanted.source]?.enumerated().compactMap { $1.moments(heldOut: sums.heldOut[wanted.source]?[$0]) } ?? []
                    if !moments.isEmpty, moments.count == wanted.matrices { made[wanted.source] = InputStatistics(moments: moments) }
                }
                known[wanted.place] = made[wanted.source]
            }
        }
        let missing = wanted.count { known[$0.place] == nil && lookups[$0.place] == nil && ($0.count <= largestCount || $0.source.isLookup) }
        if missing > 0 { notes.append("\(missing) weights were not reached by the samples and are rounded without statistics") }
        if !samples.isSynthetic, !lookups.isEmpty, case .entropy = options.scheme {
            notes.append("\(lookups.count) tables have steps by row: the more samples look a row up, the narrower")
        }
        // Made-up indices say nothing of those to come.
        return Calibration(origin: samples.origin, notes: notes, known: known, lookups: samples.isSynthetic ? [:] : lookups)
    }

    /// Beyond it the second moments alone take more than 64 MB.
    static let largestCount = 4096

    /// The samples are run in two halves, each with sums of its own that are then added: the same result for any number of threads.
    private static func run(
        _ model: Model, _ wanted: [Wanted], _ samples: Samples, _ options: QuantizationOptions, _ progress: @Sendable (String) -> Void
    ) throws -> ActivationSums {
        let keys = Set(wanted.flatMap { $0.source.keys })
        var opening = ActivationTaps.Opening()
        while true {
            let taps = ActivationTaps(model, keys, opening: opening)
            do {
                return try run(taps, wanted, samples, options)
            } catch let error as ModelError {
                // Values of a body may have other dims in each round.
                guard taps.hasLoops || taps.hasFunctions else { throw error }
                if taps.hasLoops { opening.loops = false } else { opening.functions = false }
            }
        }
    }

    private static func run(_ taps: ActivationTaps, _ wanted: [Wanted], _ samples: Samples, _ options: QuantizationOptions) throws -> ActivationSums {
        let session = try Session(taps.model, options: .init(threads: 1))
        let observers = (0..<2).map { _ in ActivationObserver(wanted, taps.names, samples: samples.values.count) }
        try concurrently(2, threads: options.threads) { half in
            for index in stride(from: half, to: samples.values.count, by: 2) {
                try within("sample \(index)") {
                    observers[half].begin(index, samples.values[index])
                    _ = try session.run(samples.values[index], observer: observers[half])
                    try observers[half].check()
                }
            }
        }
        observers[0].sums.add(observers[1].sums)
        return observers[0].sums
    }
}

/// The statistics that one weight needs.
struct Wanted: Sendable {
    struct Source: Hashable, Sendable {
        /// Values of which the vectors are made.
        let keys: [ActivationTaps.Key]
        let windows: Windows?
        /// Columns of the weight; of a table its rows.
        let count: Int
        let matrices: Int
        var isLookup = false
    }

    let place: Place
    let source: Source
    var count: Int { source.count }
    var matrices: Int { source.matrices }

    init?(_ weight: Weight) {
        guard let product = weight.product else { return nil }
        place = weight.place
        var keys = product.calls.map { ActivationTaps.Key(scope: product.scope, name: product.activation, calls: $0) }
        var windows: Windows?, matrices = 1
        switch product.kind {
        case .lines, .steps: break
        case .windows:
            windows = Windows(product.node, weight: weight.dims)
            guard windows != nil else { return nil }
            matrices = weight.view.outer
        case .previousSteps:
            let names = [product.node.outputs.first ?? "", product.node.inputs.count > 5 ? product.node.inputs[5] : ""].filter { !$0.isEmpty }
            keys = names.flatMap { name in product.calls.map { ActivationTaps.Key(scope: product.scope, name: name, calls: $0) } }
            guard !keys.isEmpty else { return nil }
        case .lookups:
            source = Source(keys: keys, windows: nil, count: weight.view.rows, matrices: 1, isLookup: true)
            return
        }
        source = Source(keys: keys, windows: windows, count: weight.view.columns, matrices: matrices)
    }
}
