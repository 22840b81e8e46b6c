internal import ModelGraph
internal import Tensors

/// Gives products back to floats where integers cost more than the product is worth.
///
/// What a product costs is measured: the model is run with that one alone as floats. Products whose inputs lose most by their histograms come first, and
/// no more than `mostRuns` are measured each for itself, so that the time does not grow with the square of the model.
struct ActivationFallback {
    let assembly: ActivationAssembly
    let plan: RangePlan
    let noise: OutputNoise
    /// Decibels to reach; nil: see `isOutOfProportion`.
    let floor: Double?
    let progress: @Sendable (String) -> Void

    static let mostRuns = 24
    /// Samples of a measurement of one product.
    static let samplesOfARun = 6

    struct Result {
        var except: Set<Name> = []
        var layers: [ActivationReport.FloatLayer] = []
        var noise: Double
        var runs = 0
    }

    private struct Candidate {
        let output: Name
        let label: String
        /// Of its input's codes.
        let share: Double
        /// What the outputs' noise becomes less by.
        var gain: Double?
    }

    /// A product that alone makes more than a fifth of all noise at the outputs, in a model that loses enough for it to matter.
    private func isOutOfProportion(_ gain: Double, _ noise: Double) -> Bool {
        OutputNoise.decibels(noise) < Self.goodEnough && gain > 0.2 * noise
    }

    /// Decibels from which on nothing goes back by itself.
    static let goodEnough = 35.0

    private func isDone(_ noise: Double) -> Bool { OutputNoise.decibels(noise) >= floor ?? Self.goodEnough }

    /// `before`: noise of the model with all products as integers.
    func run(before: Double) throws -> Result {
        var result = Result(noise: before)
        guard !isDone(before) else { return result }
        var candidates = assembly.layers(plan).map { Candidate(output: $0.output, label: $0.label, share: $0.share) }
        candidates.sort { ($1.share, $0.output) < ($0.share, $1.output) }
        guard candidates.count > 1 else { return result }
        let few = try noise.noise(assembly.model(plan).model, most: Self.samplesOfARun)
        for index in candidates.indices.prefix(Self.mostRuns) {
            progress("measuring what integers cost, product \(index + 1) of \(min(candidates.count, Self.mostRuns))")
            candidates[index].gain = try few - noise.noise(assembly.model(plan, except: [candidates[index].output]).model, most: Self.samplesOfARun)
            result.runs += 1
        }
        let measured = candidates.filter { ($0.gain ?? 0) > 0 }.sorted { ($1.gain ?? 0, $0.output) < ($0.gain ?? 0, $1.output) }
        try floor == nil ? revertOutliers(measured, few, &result) : revert(measured + candidates.filter { $0.gain == nil }, few, &result)
        return result
    }

    /// One after the other, each only if the outputs do become better by what it promised.
    private func revertOutliers(_ candidates: [Candidate], _ few: Double, _ result: inout Result) throws {
        var now = few
        for candidate in candidates.prefix(max(1, candidates.count / 4)) {
            guard let gain = candidate.gain, isOutOfProportion(gain, now) else { break }
            let found = try noise.noise(assembly.model(plan, except: result.except.union([candidate.output])).model, most: Self.samplesOfARun)
            result.runs += 1
            guard now - found > 0.1 * now else { continue }
            result.except.insert(candidate.output)
            result.layers.append(layer(candidate, few))
            now = found
        }
        if !result.except.isEmpty { result.noise = try noise.noise(assembly.model(plan, except: result.except).model) }
    }

    /// As many as the floor takes, in steps that grow.
    private func revert(_ candidates: [Candidate], _ few: Double, _ result: inout Result) throws {
        var next = 0, step = 1
        while next < candidates.count, !isDone(result.noise) {
            for candidate in candidates[next..<min(candidates.count, next + step)] {
                result.except.insert(candidate.output)
                result.layers.append(layer(candidate, few))
            }
            next += step
            if next > 4 { step = max(1, next / 2) }
            progress("measuring with \(result.except.count) products as floats")
            result.noise = try noise.noise(assembly.model(plan, except: result.except).model)
            result.runs += 1
        }
    }

    private func layer(_ candidate: Candidate, _ few: Double) -> ActivationReport.FloatLayer {
        let share = candidate.gain.map { "made \(Int((100 * min(1, max(0, $0 / few))).rounded())) % of the noise at the outputs" }
        return .init(label: candidate.label, reason: share ?? "its input lost most of those left")
    }
}
