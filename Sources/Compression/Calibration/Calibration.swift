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
    private var factors: [Place: Float] = [:]

    init(origin: String, notes: [String], known: [Place: InputStatistics]) {
        (self.origin, self.notes, self.known) = (origin, notes, known)
    }

    func statistics(_ weight: Weight) throws -> InputStatistics? { known[weight.place] }

    func stepFactor(_ weight: Weight) -> Float { factors[weight.place] ?? 1 }

    func setStepFactors(_ factors: [Place: Float]) { self.factors = factors }
}

/// Sets of input values of a model, and where they come from.
public struct Samples: Sendable {
    public var values: [[Name: Value]]
    /// "64 samples of calib.npz", "16 synthetic samples".
    public var origin: String

    public init(_ values: [[Name: Value]], origin: String) {
        (self.values, self.origin) = (values, origin)
    }
}

extension Calibration {
    /// Runs `model` on the samples and sums up what its weights are multiplied with. Memory does not grow with the samples: where the sums of all
    /// weights would take more than `memory`, the samples are run again for the next ones.
    public static func measure(
        _ model: Model, samples: Samples, options: QuantizationOptions, memory: Int = 256 << 20, progress: @Sendable (String) -> Void = { _ in }
    ) throws -> Calibration {
        let weights = model.weights(smallest: options.smallest).filter { $0.reasonToStay == nil && options.selects($0.name) }
        var notes: [String] = [], known: [Place: InputStatistics] = [:]
        let wanted = weights.compactMap(Wanted.init)
        let large = wanted.count { $0.count > largestCount }
        if large > 0 { notes.append("\(large) weights have more than \(largestCount) inputs and are rounded without statistics") }
        var rest = wanted.filter { $0.count <= largestCount }
        while !rest.isEmpty {
            var sources: Set<Wanted.Source> = [], size = 0, part: [Wanted] = []
            while let next = rest.first {
                let more = sources.contains(next.source) ? 0 : 2 * next.count * next.count * 4 * next.matrices
                guard part.isEmpty || size + more <= memory else { break }
                size += more
                sources.insert(next.source)
                part.append(next)
                rest.removeFirst()
            }
            let sums = try run(model, part, samples, options, progress)
            for wanted in part {
                let moments = sums[wanted.source]?.compactMap { $0.moments() } ?? []
                if !moments.isEmpty, moments.count == wanted.matrices { known[wanted.place] = InputStatistics(moments: moments) }
            }
        }
        let missing = wanted.count { known[$0.place] == nil && $0.count <= largestCount }
        if missing > 0 { notes.append("\(missing) weights were not reached by the samples and are rounded without statistics") }
        return Calibration(origin: samples.origin, notes: notes, known: known)
    }

    /// Beyond it the second moments alone take more than 64 MB.
    static let largestCount = 4096

    /// The samples are run in two halves, each with sums of its own that are then added: the same result for any number of threads.
    private static func run(
        _ model: Model, _ wanted: [Wanted], _ samples: Samples, _ options: QuantizationOptions, _ progress: @Sendable (String) -> Void
    ) throws -> [Wanted.Source: [MomentSums]] {
        let taps = ActivationTaps(model, Set(wanted.flatMap { $0.source.keys }))
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
        let sums = observers[0].sums
        for (source, other) in observers[1].sums {
            for (index, each) in other.enumerated() { sums[source]?[index].add(each) }
        }
        return sums
    }
}

/// The statistics that one weight needs.
struct Wanted: Sendable {
    struct Source: Hashable, Sendable {
        /// Values of which the vectors are made.
        let keys: [ActivationTaps.Key]
        let windows: Windows?
        let count: Int
        let matrices: Int
    }

    let place: Place
    let source: Source
    var count: Int { source.count }
    var matrices: Int { source.matrices }

    init?(_ weight: Weight) {
        guard let product = weight.product else { return nil }
        place = weight.place
        var keys = [ActivationTaps.Key(scope: product.scope, name: product.activation)]
        var windows: Windows?, matrices = 1
        switch product.kind {
        case .lines, .steps: break
        case .windows:
            windows = Windows(product.node, weight: weight.dims)
            guard windows != nil else { return nil }
            matrices = weight.view.outer
        case .previousSteps:
            let names = [product.node.outputs.first ?? "", product.node.inputs.count > 5 ? product.node.inputs[5] : ""].filter { !$0.isEmpty }
            keys = names.map { ActivationTaps.Key(scope: product.scope, name: $0) }
            guard !keys.isEmpty else { return nil }
        }
        source = Source(keys: keys, windows: windows, count: weight.view.columns, matrices: matrices)
    }
}

/// Sums up values as nodes make them. For one thread.
private final class ActivationObserver: RunObserver, @unchecked Sendable {
    private(set) var sums: [Wanted.Source: [MomentSums]] = [:]
    private var users: [Name: [Wanted.Source]] = [:]
    private var failure: (any Error)?
    private let samples: Int
    private var turn = 0

    init(_ wanted: [Wanted], _ names: [ActivationTaps.Key: Name], samples: Int) {
        self.samples = samples
        for each in wanted where sums[each.source] == nil {
            sums[each.source] = (0..<each.matrices).map { _ in MomentSums(count: each.count) }
            for key in each.source.keys {
                guard let name = names[key] else { continue }
                users[name, default: []].append(each.source)
            }
        }
    }

    func begin(_ sample: Int, _ inputs: [Name: Value]) {
        turn = sample
        for (name, value) in inputs { see(name, value) }
    }

    func ran(_ node: Node, outputs: [Value?], seconds: Double) {
        for (name, value) in zip(node.outputs, outputs) {
            if let value { see(name, value) }
        }
    }

    func check() throws { if let failure { throw failure } }

    private func see(_ name: Name, _ value: Value) {
        guard let sources = users[name], case .tensor(let tensor) = value, tensor.elementType.isQuantizable else { return }
        do {
            for source in sources { try add(tensor, source) }
        } catch {
            failure = failure ?? error
        }
    }

    private func add(_ tensor: Tensor, _ source: Wanted.Source) throws {
        guard let sums = sums[source], let count = tensor.elementCount, count > 0 else { return }
        if let windows = source.windows {
            // Enough windows of all samples together; more only take time.
            let most = max(64, max(8 * source.count, 16384) / max(1, samples))
            try windows.add(tensor, to: sums, most: most, turn: turn)
        } else if count % source.count == 0, tensor.dims.last == source.count {
            try unsafe tensor.floats("an activation").withUnsafeBuffer { unsafe sums[0].add($0) }
        }
    }
}
