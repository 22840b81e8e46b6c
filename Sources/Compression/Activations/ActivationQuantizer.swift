internal import Execution
public import ModelGraph
internal import Operators
internal import Simplification
public import Tensors

/// A model whose products compute with integers, and what was done.
public struct ActivationQuantization: Sendable {
    public let model: Model
    public let weights: QuantizationReport
    public let activations: ActivationReport
}

/// Makes the activations of a model integers by what samples show, given one after the other.
///
/// Of the samples, the first 64 are kept: one in four to measure with before they calibrate, too, the others for what needs them more than once. All that are not held back are run once
/// and leave histograms; memory does not grow with them. What decides for one product or value, a few of those held back measure; what decides for the whole model, all that are kept.
public final class ActivationQuantizer {
    private var model: Model
    private var weightOptions: QuantizationOptions
    private let options: ActivationOptions
    private let folder: String
    private let progress: @Sendable (String) -> Void
    private var kept: [[Name: Value]] = []
    private var pending: [(index: Int, values: [Name: Value])] = []
    private var variants: [ActivationVariant] = []
    private var sampleCount = 0
    private var notes: [String] = []
    private var report = ActivationReport()

    static let keptCount = 64

    /// Throws where the operator set has no `DequantizeLinear` and cannot be raised, and where no product has weights.
    public init(
        _ model: Model, weights: QuantizationOptions, options: ActivationOptions, folder: String, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        (self.model, weightOptions, self.options, self.folder, self.progress) = (model, weights, options, folder, progress)
        // Integer products want weights around 0.
        weightOptions.isAsymmetric = false
        weightOptions.smallestOfProducts = 1
        try raiseOpset()
        guard !ActivationVariant.region(self.model).layers.isEmpty else {
            throw ModelError(.badArgument, "no Conv, ConvTranspose, Gemm or MatMul of the main graph has constant FLOAT weights: there are no activations to quantize")
        }
    }

    /// Scales for each channel need operator set 13, one for all 10.
    private func raiseOpset() throws {
        let version = OpsetRaise.version(of: model.opsetImports)
        guard version < 13 else { return }
        guard OpsetRaise.obstacle(model, to: 13) != nil else {
            OpsetRaise.raise(&model, to: 13)
            notes.append("operator set \(version) is raised to 13: no operator in use is another there")
            return
        }
        let obstacle: String
        do {
            let raised = try OpsetConversion.raise(model, to: 13)
            model = raised.model
            notes.append("operator set \(version) is raised to 13; \(raised.changes) nodes are written in its form")
            return
        } catch let error as ModelError {
            obstacle = error.message
        }
        if version < 10 {
            if let obstacle = OpsetRaise.obstacle(model, to: 10) {
                throw ModelError(.unsupported, "operator set \(version) has no QuantizeLinear and cannot be raised, as \(obstacle); convert the model to operator set 13 first")
            }
            OpsetRaise.raise(&model, to: 10)
        }
        weightOptions.granularity = .tensor
        notes.append("operator set \(max(version, 10)) has no scales for channels, weights have one scale each: \(obstacle)")
    }

    // MARK: - samples

    public func add(_ sample: [Name: Value]) throws {
        sampleCount += 1
        if variants.isEmpty {
            kept.append(sample)
            if kept.count == Self.keptCount { try start() }
        } else {
            try see(sampleCount - 1, sample)
        }
    }

    private var heldBack: [[Name: Value]] {
        kept.count < 4 ? kept : kept.enumerated().filter { $0.offset % 4 == 3 }.map(\.element)
    }

    /// Those held back first.
    private var measuring: [[Name: Value]] { kept.count < 4 ? kept : heldBack + shown.map(\.values) }

    private var shown: [(index: Int, values: [Name: Value])] {
        kept.enumerated().filter { kept.count < 4 || $0.offset % 4 != 3 }.map { ($0.offset, $0.element) }
    }

    /// What is known of the first samples decides how the model is scaled; then all are watched.
    private func start() throws {
        let equalized = options.equalizes == false ? (model, 0) : try Equalization.apply(to: model)
        if options.equalizes == true, equalized.1 == 0 { notes.append("there are no convolutions to equalize: none has another alone behind it with Relu at most between them") }
        if options.equalizes != true || equalized.1 == 0 { try variants.append(variant(model, pairs: 0)) }
        if equalized.1 > 0 { try variants.append(variant(equalized.0, pairs: equalized.1)) }
        for sample in shown { try see(sample.index, sample.values) }
    }

    private func variant(_ model: Model, pairs: Int) throws -> ActivationVariant {
        guard options.smooths else { return try ActivationVariant(model, smoothings: [], equalizedPairs: pairs, threads: options.threads) }
        let smoothing = Smoothing(threads: options.threads, elementType: options.elementType, progress: progress)
        let smooth = try smoothing.apply(to: model, samples: shown.map(\.values), weights: ActivationVariant.possibleWeights(GraphUses(model.graph)))
        return try ActivationVariant(smooth.model, smoothings: smooth.done, equalizedPairs: pairs, threads: options.threads)
    }

    private func see(_ index: Int, _ sample: [Name: Value]) throws {
        pending.append((index, sample))
        if pending.count >= max(1, options.threads) { try flush() }
    }

    /// Histograms do not depend on who added what.
    private func flush() throws {
        guard !pending.isEmpty else { return }
        progress("calibrating activations with sample \(pending[pending.count - 1].index + 1)")
        let samples = pending, variants = variants
        pending = []
        try concurrently(samples.count, threads: options.threads) { number in
            try within("sample \(samples[number].index)") {
                for variant in variants { try variant.run(samples[number].values, number: number) }
            }
        }
    }

    // MARK: - the result

    /// A variant with its weights rounded, the ranges that serve it best, and what stays floats.
    private struct Choice {
        let variant: ActivationVariant
        let weights: QuantizationReport
        let assembly: ActivationAssembly
        var plan = RangePlan(standard: .minmax)
        /// Of the outputs with all products as integers, and with those that stay.
        var before = Double.infinity
        var noise = Double.infinity
        var floats = ActivationFallback.Result(noise: .infinity)
        var tried: [(method: ActivationOptions.Range, sqnr: Double)] = []
    }

    /// `origin`: where the samples came from, in words.
    public func finish(origin: String) throws -> ActivationQuantization {
        guard sampleCount > 0 else { throw ModelError(.badArgument, "there are no samples to calibrate with") }
        if variants.isEmpty { try start() }
        try flush()
        let noise = try OutputNoise(model, samples: measuring, heldBack: kept.count < 4 ? 0 : heldBack.count, threads: options.threads)
        var best: Choice?
        for variant in variants {
            let choice = try choose(variant, noise, origin)
            if choice.noise < best?.noise ?? .infinity || best == nil { best = choice }
        }
        variants = []
        guard let best else { throw ModelError(.internalFault, "nothing was watched") }

        // What measured has done its work, and calibrates, too.
        let assembly = try best.assembly.with(histograms(of: heldBack, best.variant))
        let made = try assembly.model(best.plan, except: best.floats.except)
        guard made.region.layers.count > 0 else { throw ModelError(.badArgument, "no product is left that computes with integers") }
        report(best)
        assembly.describe(made.region, best.plan, &report)
        report.notes = notes + made.notes
        return ActivationQuantization(model: made.model, weights: best.weights, activations: report)
    }

    /// Of the samples held back; of none where there were none.
    private func histograms(of samples: [[Name: Value]], _ variant: ActivationVariant) throws -> [Name: ActivationHistogram] {
        guard kept.count >= 4 else { return variant.histograms() }
        for sample in samples { try variant.run(sample, number: 0) }
        return variant.histograms()
    }

    private func choose(_ variant: ActivationVariant, _ noise: OutputNoise, _ origin: String) throws -> Choice {
        let samples = Samples(shown.map(\.values), origin: origin)
        let calibration = try Calibration.measure(variant.model, samples: samples, options: weightOptions, progress: progress)
        let rounded = try Quantization.quantize(variant.model, options: weightOptions, calibration: calibration, folder: folder, progress: progress)
        let assembly = ActivationAssembly(rounded.model, variant.histograms(), options.elementType)
        var choice = Choice(variant: variant, weights: rounded.report, assembly: assembly), measured: [(plan: RangePlan, noise: Double)] = []
        for method in options.range == .auto ? ActivationOptions.candidates : [options.range] {
            progress("measuring ranges by \(method)")
            let plan = RangePlan(standard: method), found = try noise.noise(assembly.model(plan).model)
            choice.tried.append((method, OutputNoise.decibels(found)))
            measured.append((plan, found))
        }
        measured.sort { $0.noise < $1.noise }
        try options.floor == nil ? settle(&choice, measured, noise) : reach(&choice, measured, noise)
        return choice
    }

    /// Methods for which products are looked for that hurt as integers.
    private static let mostMethods = 3

    /// Which products stay floats depends on the ranges: a method that clips may serve all products but a few better than one that spans what only those few
    /// need. So that is found for each of the best methods, and ranges are refined for what is left.
    private func settle(_ choice: inout Choice, _ measured: [(plan: RangePlan, noise: Double)], _ noise: OutputNoise) throws {
        for (plan, before) in measured.prefix(Self.mostMethods) {
            let floats = try ActivationFallback(assembly: choice.assembly, plan: plan, noise: noise, floor: nil, progress: progress).run(before: before)
            if floats.noise < choice.noise { (choice.plan, choice.before, choice.noise, choice.floats) = (plan, before, floats.noise, floats) }
        }
        guard options.range == .auto else { return }
        let refinement = RangeRefinement(assembly: choice.assembly, noise: noise, progress: progress)
        (choice.plan, choice.noise) = try refinement.run(choice.plan, except: choice.floats.except, noise: choice.noise)
    }

    /// With a floor to reach, the best ranges first: each product that they save need not go back.
    private func reach(_ choice: inout Choice, _ measured: [(plan: RangePlan, noise: Double)], _ noise: OutputNoise) throws {
        guard let first = measured.first else { return }
        (choice.plan, choice.before) = first
        if options.range == .auto {
            (choice.plan, choice.before) = try RangeRefinement(assembly: choice.assembly, noise: noise, progress: progress).run(choice.plan, noise: choice.before)
        }
        let fallback = ActivationFallback(assembly: choice.assembly, plan: choice.plan, noise: noise, floor: options.floor, progress: progress)
        choice.floats = try fallback.run(before: choice.before)
        choice.noise = choice.floats.noise
    }

    private func report(_ choice: Choice) {
        report.elementType = options.elementType
        (report.sampleCount, report.heldBack, report.measured) = (sampleCount, kept.count < 4 ? 0 : heldBack.count, kept.count)
        if report.heldBack == 0 { notes.append("fewer than 4 samples: what calibrated is what measures, which flatters") }
        (report.method, report.tried) = (choice.plan.standard, choice.tried)
        (report.smoothings, report.equalizedPairs) = (choice.variant.smoothings, choice.variant.equalizedPairs)
        (report.sqnrBefore, report.sqnr) = (OutputNoise.decibels(choice.before), OutputNoise.decibels(choice.noise))
        report.floatLayers = choice.floats.layers
        if let floor = options.floor, floor > OutputNoise.decibels(choice.noise) {
            notes.append("the floor of \(floor) dB is not reached: what is left comes from the weights")
        }
    }
}
