/// One way to find scales and codes, between which `auto` decides row by row.
struct RoundingCandidate: Hashable, Sendable {
    /// How a scale is found, and a zero point.
    enum Scales: Hashable, Sendable {
        case range, leastSquares, halfQuadratic
        /// Those that all rows of the plan have: one cell for the whole tensor, or the steps of `entropy`.
        case given
    }

    /// What it is called.
    let method: QuantizationOptions.Method
    let scales: Scales
    /// Columns make up for the errors of those before.
    var feeds = false
}

/// What the codes of a weight have in common however its rows are rounded: zero points or none and, of a tensor with one cell, how its scale is found.
/// `auto` decides between forms for the whole weight.
struct RoundingForm: Sendable {
    var hasZeroPoints = false
    /// Of a tensor with one cell.
    var tensorScales = RoundingCandidate.Scales.range
    /// Each row is rounded by the one that measures best.
    var candidates: [RoundingCandidate]
    /// Those whose error speaks for the form; nil: all. Zero points make every scale finer and cost bytes: what they bring is asked of the method they
    /// belong to.
    var judges: [RoundingCandidate]?
}

extension RoundingForm {
    /// The forms and methods that `options` leave open, the usual one first.
    static func all(_ options: QuantizationOptions, hasStatistics: Bool, isOneCell: Bool) -> [RoundingForm] {
        let feedback = RoundingCandidate(method: .gptq, scales: .given, feeds: true)
        if case .entropy = options.scheme {
            let nearest = RoundingCandidate(method: .rtn, scales: .given)
            guard hasStatistics, options.method == .auto || options.method == .gptq else { return [RoundingForm(candidates: [nearest])] }
            // For the whole weight: that codes of rows differ in kind costs bits.
            return options.method == .auto ? [RoundingForm(candidates: [feedback]), RoundingForm(candidates: [nearest])] : [RoundingForm(candidates: [feedback])]
        }
        let nearest = RoundingCandidate(method: .rtn, scales: .range), clipped = RoundingCandidate(method: .mse, scales: .leastSquares)
        let halfQuadratic = RoundingCandidate(method: .hqq, scales: .halfQuadratic)
        func form(_ candidates: [RoundingCandidate], zeroPoints: Bool) -> RoundingForm {
            guard isOneCell else {
                let fed = candidates.flatMap { $0.feeds ? [clipped, nearest].map { RoundingCandidate(method: .gptq, scales: $0.scales, feeds: true) } : [$0] }
                return RoundingForm(hasZeroPoints: zeroPoints, candidates: fed)
            }
            let scales = candidates.first { !$0.feeds }?.scales ?? .leastSquares
            return RoundingForm(
                hasZeroPoints: zeroPoints, tensorScales: scales,
                candidates: candidates.map { RoundingCandidate(method: $0.method, scales: .given, feeds: $0.feeds) })
        }
        let asked = options.isAsymmetric ?? false
        switch options.method {
        case .rtn: return [form([nearest], zeroPoints: asked)]
        case .mse: return [form([clipped], zeroPoints: asked)]
        case .hqq: return [form([halfQuadratic], zeroPoints: true)]
        case .gptq: return [form([hasStatistics ? feedback : clipped], zeroPoints: asked)]
        case .auto: break
        }
        let fed = hasStatistics ? [feedback] : []
        func speaking(_ form: RoundingForm, for method: QuantizationOptions.Method) -> RoundingForm {
            var form = form
            form.judges = form.candidates.filter { $0.method == method }
            return form
        }
        if isOneCell {
            var forms = [nearest, clipped].map { form([$0] + fed, zeroPoints: asked) }
            if options.isAsymmetric != false { forms.append(speaking(form([halfQuadratic] + fed, zeroPoints: true), for: .hqq)) }
            return forms
        }
        // Of equal errors the first candidate has it.
        if asked { return [form([nearest, clipped, halfQuadratic] + fed, zeroPoints: true)] }
        let plain = form([nearest, clipped] + fed, zeroPoints: false)
        if options.isAsymmetric == false { return [plain] }
        return [plain, speaking(form([halfQuadratic, clipped, nearest] + fed, zeroPoints: true), for: .hqq)]
    }
}
