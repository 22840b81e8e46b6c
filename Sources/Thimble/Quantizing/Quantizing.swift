internal import Compression
internal import Execution
internal import ModelGraph
internal import Tensors

/// A model whose weights were rounded as a request asks, and what is known of it.
struct Quantizing {
    let model: Model
    let report: QuantizationReport
    /// Nil where activations stay floats.
    let activations: ActivationReport?
    /// Nil unless samples were given to measure it.
    let fidelity: Fidelity?
    /// The largest signal-to-noise losses, for a warning.
    let worstLayers: [String]

    init(_ source: ModelFile, _ request: QuantizationRequest, folder: String, progress: @escaping @Sendable (String) -> Void) throws {
        if let options = request.activations {
            let result = try Self.quantizeActivations(source, request, options, folder: folder, progress)
            (model, report, activations) = (result.model, result.weights, result.activations)
            fidelity = try Self.fidelity(source, result.model, request, progress)
            worstLayers = Self.worst(result.activations)
            return
        }
        activations = nil
        let base = try request.equalizes ? Self.equalized(source) : source
        let calibration = try Self.calibration(base, request, progress)
        if request.balances, case .entropy = request.options.scheme, let calibration {
            let trial = try Quantization.quantize(
                base.model, options: request.options, calibration: calibration.calibration.withoutHeldOut(), folder: folder, progress: progress)
            try calibration.calibration.balanceSteps(
                of: base.model, rounded: trial, samples: calibration.samples, threads: request.options.threads, progress: progress)
        }
        let result = try Quantization.quantize(
            base.model, options: request.options, calibration: calibration?.calibration, folder: folder, progress: progress)
        guard !result.report.changed.isEmpty else { throw Self.nothing(result.report) }
        model = result.model
        report = result.report
        fidelity = try Self.fidelity(source, result.model, request, progress)
        worstLayers = Self.worst(result.report)
    }

    private static func equalized(_ source: ModelFile) throws -> ModelFile {
        var source = source
        let equal = try Equalization.apply(to: source.model)
        guard equal.pairs > 0 else {
            throw ModelError(.badArgument, "there is nothing to equalize: no convolution has another alone behind it with Relu at most between them; leave out --equalize")
        }
        source.model = equal.model
        return source
    }

    /// Samples go by one after the other and are not kept.
    private static func quantizeActivations(
        _ source: ModelFile, _ request: QuantizationRequest, _ options: ActivationOptions, folder: String, _ progress: @escaping @Sendable (String) -> Void
    ) throws -> ActivationQuantization {
        let quantizer = try ActivationQuantizer(source.model, weights: request.options, options: options, folder: folder, progress: progress)
        let session = try Session(source.model, options: .init(threads: 1))
        if request.calibration == ["synthetic"] {
            let samples = try within("synthetic samples") { try Samples.synthetic(for: source.model, count: min(16, request.sampleLimit)) }
            for sample in samples.values { try quantizer.add(sample) }
            return try within("synthetic samples") { try quantizer.finish(origin: samples.origin) }
        }
        let names = request.calibration.map { printable($0) }.joined(separator: ", ")
        let reader = try SampleSource(SampleOptions(inputs: request.calibration, limit: request.sampleLimit), for: session)
        return try within(names) {
            var count = 0
            try reader.forEach { sample in
                try within(sample.place) { try check(sample.values, for: session) }
                try quantizer.add(sample.values)
                count += 1
            }
            guard count > 0 else { throw ModelError(.badArgument, "holds no samples") }
            return try quantizer.finish(origin: "\(counted(count, "sample")) of \(names)")
        }
    }

    private static func nothing(_ report: QuantizationReport) -> ModelError {
        var reasons: [String: Int] = [:]
        for row in report.rows { reasons[row.reasonToStay ?? "", default: 0] += 1 }
        let list = reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(4).map { "\($0.value) × \($0.key)" }.joined(separator: "; ")
        return ModelError(.badArgument, "nothing was quantized: " + (list.isEmpty ? "the model has no float tensors" : list))
    }

    // MARK: - samples

    private static func calibration(
        _ source: ModelFile, _ request: QuantizationRequest, _ progress: @escaping @Sendable (String) -> Void
    ) throws -> (calibration: Calibration, samples: Samples)? {
        guard let samples = try samples(source, request) else { return nil }
        progress("running \(counted(samples.values.count, "sample"))")
        let isGiven = !request.calibration.isEmpty && request.calibration != ["synthetic"]
        let calibration = try within(isGiven ? request.calibration.map { printable($0) }.joined(separator: ", ") : "synthetic samples") {
            try Calibration.measure(source.model, samples: samples, options: request.options, progress: progress)
        }
        return (calibration, samples)
    }

    /// Nil where none were given and none are needed, or the model cannot be run without.
    private static func samples(_ source: ModelFile, _ request: QuantizationRequest) throws -> Samples? {
        if case .half = request.options.scheme { return nil }
        let isAsked = !request.calibration.isEmpty, isSynthetic = request.calibration == ["synthetic"]
        if isAsked, !isSynthetic {
            let session = try Session(source.model, options: .init(threads: 1))
            return try read(request.calibration, limit: request.sampleLimit, for: session)
        }
        guard isSynthetic || usesSynthetic(source, request.options) else { return nil }
        do {
            let samples = try Samples.synthetic(for: source.model, count: min(16, request.sampleLimit))
            // One run tells whether the model takes them.
            _ = try Session(source.model, options: .init(threads: request.options.threads)).run(samples.values[0])
            return samples
        } catch let error as ModelError {
            if isSynthetic { throw error.at("synthetic samples") }
            return nil
        }
    }

    /// Without data, made-up samples help where rounding is coarse; a large model is not run for them unless it is asked for.
    private static func usesSynthetic(_ source: ModelFile, _ options: QuantizationOptions) -> Bool {
        guard source.byteCount <= 512 << 20 else { return false }
        switch (options.scheme, options.method) {
        case (_, .gptq): return true
        case (.integers(let bits), .auto): return bits < 8
        case (.entropy, .auto): return true
        default: return false
        }
    }

    private static func read(_ sources: [String], limit: Int, for session: Session) throws -> Samples {
        let reader = try SampleSource(SampleOptions(inputs: sources, limit: limit), for: session)
        var values: [[Name: Value]] = []
        try within(sources.map { printable($0) }.joined(separator: ", ")) {
            try reader.forEach { sample in
                try within(sample.place) { try check(sample.values, for: session) }
                values.append(sample.values)
            }
        }
        guard !values.isEmpty else { throw ModelError(.badArgument, "holds no samples", at: [printable(sources[0])]) }
        return Samples(values, origin: "\(counted(values.count, "sample")) of \(sources.map { printable($0) }.joined(separator: ", "))")
    }

    /// What a run would refuse anyway is better said before it; NaN it would not.
    private static func check(_ values: [Name: Value], for session: Session) throws {
        for info in session.inputs where values[info.name ?? ""] == nil {
            throw ModelError(.badArgument, "input '\(info.name ?? "")' (\(info.type?.description ?? "of unknown type")) has no value")
        }
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard case .tensor(let tensor) = value else { continue }
            if tensor.elementCount == 0, !(session.inputs.first { $0.name == name }?.type?.allowsNothing ?? true) {
                throw ModelError(.badArgument, "input '\(name)' is empty")
            }
            guard tensor.elementType == .float || tensor.elementType == .double || tensor.elementType == .float16 else { continue }
            guard try tensor.isFinite() else { throw ModelError(.badArgument, "input '\(name)' holds NaN or infinity") }
        }
    }

    // MARK: - fidelity

    /// On the samples to verify with; without those on the calibration samples, which flatters.
    private static func fidelity(
        _ source: ModelFile, _ model: Model, _ request: QuantizationRequest, _ progress: @escaping @Sendable (String) -> Void
    ) throws -> Fidelity? {
        var sources = request.verification
        if sources.isEmpty { sources = request.calibration.filter { $0 != "synthetic" } }
        guard !sources.isEmpty else { return nil }
        progress("comparing the outputs of both models")
        let options = Session.Options(threads: request.options.threads)
        let sessions = (reference: try Session(source.model, options: options), candidate: try Session(model, options: options))
        let reader = try SampleSource(SampleOptions(inputs: sources, limit: request.verificationLimit), for: sessions.reference)
        var meter = try FidelityMeter(source.model, model, sessions: sessions)
        try reader.forEach { sample in try within(sample.place) { try meter.add(sample) } }
        var fidelity = meter.fidelity
        (fidelity.reference, fidelity.candidate) = (source.path, "quantized")
        return fidelity
    }

    private static func worst(_ report: QuantizationReport) -> [String] {
        report.changed.filter { $0.change?.sqnr.isFinite ?? false }.sorted { ($0.change?.sqnr ?? 0) < ($1.change?.sqnr ?? 0) }.prefix(3).map {
            "'\($0.name)' (\(decimals($0.change?.sqnr ?? 0, 1)) dB)"
        }
    }

    private static func worst(_ report: ActivationReport) -> [String] {
        report.rows.filter { $0.sqnr.isFinite }.sorted { $0.sqnr < $1.sqnr }.prefix(3).map { "'\($0.name)' (\(decimals($0.sqnr, 1)) dB)" }
    }

    /// A loud sentence for a result that is of little use; nil if it is not.
    var warning: String? {
        guard let fidelity else { return nil }
        for output in fidelity.outputs {
            let decibels = output.error.sqnrDecibels ?? (output.error.noise > 0 ? -.infinity : .infinity)
            let agreement = output.top1?.share ?? 1
            guard decibels < Self.leastDecibels && !output.isLabel || agreement < Self.leastAgreement || output.error.brokenCount > 0 else { continue }
            let facts = "\(decimals(decibels, 1)) dB" + (output.top1.map { ", top-1 agreement \(percent($0.share))" } ?? "")
            return "THE QUANTIZED MODEL IS FAR FROM THE ORIGINAL: output '\(output.name)' has \(facts); the \(activations == nil ? "weights" : "activations") that lost most: \(worstLayers.joined(separator: ", "))"
        }
        return nil
    }

    private static let leastDecibels = 10.0
    private static let leastAgreement = 0.8
}

extension ValueType {
    /// An axis may be 0 long.
    fileprivate var allowsNothing: Bool {
        guard case .tensor(_, let shape?) = kind else { return true }
        return shape.dims.contains { $0.size == .value(0) }
    }
}

extension Tensor {
    fileprivate func isFinite() throws -> Bool {
        let count = elementCount ?? 0
        for start in stride(from: 0, to: count, by: 1 << 16) {
            let values = try elementType.decode(plainBytes(), from: start, min(1 << 16, count - start))
            if values.contains(where: { !$0.isFinite }) { return false }
        }
        return true
    }
}
