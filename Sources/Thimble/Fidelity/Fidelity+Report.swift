internal import Tensors

extension Fidelity {
    /// What the figures mean, in a line.
    public var verdict: String {
        guard samples > 0 else { return "nothing was compared: there are no samples" }
        if isEqual { return "the same: every value of \(counted(outputs.count, "output")) is equal in \(counted(samples, "sample"))" }
        if !unmatchedOutputs.isEmpty { return "different: \(counted(unmatchedOutputs.count, "output")) of the reference \(unmatchedOutputs.count == 1 ? "is" : "are") missing" }
        if let output = outputs.first(where: { $0.incomparable != nil }) {
            return "different: output '\(output.name)' cannot be compared in \(counted(output.incomparableSamples, "sample")): \(output.incomparable ?? "")"
        }
        if let output = outputs.first(where: { $0.error.brokenCount > 0 }) {
            return "broken: \(counted(output.error.brokenCount, "value")) of output '\(output.name)' NaN or infinite on one side only"
        }
        var parts: [String] = []
        if let output = worstNumbers {
            let noise = output.error.sqnrDecibels.map { "\(decimals($0, 1)) dB, an error of \(percent(output.error.noise.squareRoot())) of the values" } ?? "values where the reference has only zeros"
            parts.append("\(grade(output.error.sqnrDecibels)): \(noise) in output '\(output.name)'" + (outputs.count > 1 ? ", the furthest off" : ""))
        }
        parts += outputs.compactMap { output in
            output.top1.map { "the same \(output.isLabel ? "labels" : "class") in \(percent($0.share)) of \(grouped($0.rows)) ('\(output.name)')" }
        }
        return parts.joined(separator: "; ")
    }

    private var worstNumbers: OutputFidelity? {
        var copy = self
        copy.outputs = outputs.filter { !$0.isLabel }
        return copy.worstOutput
    }

    /// Rounding of binary32 stays above 90 dB, of half precision above 50; 8-bit integers give some 30 to 45, 4-bit ones 10 to 20.
    private func grade(_ decibels: Double?) -> String {
        switch decibels ?? -.infinity {
        case 90...: "the same but for rounding"
        case 50...: "very close"
        case 30...: "close"
        case 15...: "noticeably different"
        default: "different"
        }
    }

    public var json: JSONValue {
        let worst = worstOutput
        return [
            "schema": "fidelity/1",
            "reference": .string(reference),
            "candidate": .string(candidate),
            "samples": .int(samples),
            "equal": .bool(isEqual),
            "verdict": .string(verdict),
            "limits": limits.json,
            "missed": .list(missed, JSONValue.string),
            "outputs": .list(outputs, \.json),
            "unmatched_outputs": .list(unmatchedOutputs) { .name($0) },
            "worst_sample": worst?.worst.map { $0.json(of: worst?.name ?? "") } ?? .null,
            "layers": layers?.json ?? .null,
            "reference_seconds": .number(rounded(referenceSeconds, 6)),
            "candidate_seconds": .number(rounded(candidateSeconds, 6)),
        ]
    }

    public var text: String {
        var lines = ["\(printable(reference)) → \(printable(candidate)): \(counted(samples, "sample"))", verdict]
        lines += table([["output", "values", "SQNR", "cosine", "max error", "relative", "top-1", "worst sample"]] + outputs.map(\.row), right: [2, 3, 4, 5, 6])
        lines += unmatchedOutputs.map { "  output '\($0)' is missing in the candidate" }
        lines += outputs.compactMap { output in output.top1.map { "  top-1 of '\(output.name)': \($0.why)" } }
        if let layers { lines += layers.lines }
        if samples > 0 {
            lines.append("a sample takes \(milliseconds(referenceSeconds / Double(samples))) → \(milliseconds(candidateSeconds / Double(samples)))")
        }
        if !limits.isEmpty { lines += missed.isEmpty ? ["all limits are met"] : missed.map { "missed: \($0)" } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The one line for the error stream; nil if no limit is missed.
    public var complaint: String? {
        guard let first = missed.first else { return nil }
        return ModelError(.badArgument, first + (missed.count > 1 ? " (and \(missed.count - 1) more)" : ""), at: [printable(candidate)]).sentence
    }
}

extension FidelityLimits {
    fileprivate var json: JSONValue {
        [
            "min_cosine": .optional(cosine), "min_sqnr_db": .optional(sqnrDecibels), "max_abs_error": .optional(absoluteError),
            "max_relative_error": .optional(relativeError), "min_top1": .optional(top1),
        ]
    }
}

extension ValueError {
    fileprivate var members: [(String, JSONValue)] {
        [
            ("elements", .int(elementCount)), ("differing_elements", .int(differingCount)), ("broken_elements", .int(brokenCount)),
            ("max_abs_error", .number(largest)), ("max_relative_error", .optional(largestRelative)), ("mean_abs_error", .number(mean)),
            ("sqnr_db", .optional(sqnrDecibels)), ("cosine", .optional(cosine)),
        ]
    }

    /// `34.21 dB`; what stands there without an error, and without a signal.
    fileprivate var decibels: String { sqnrDecibels.map { "\(decimals($0, 2)) dB" } ?? (noise > 0 ? "no signal" : isEqual ? "equal" : "–") }
}

extension OutputFidelity {
    fileprivate var json: JSONValue {
        .object(
            [
                ("name", .name(name)), ("candidate_name", .name(candidateName)), ("type", .string(type)), ("candidate_type", .string(candidateType)),
                ("samples", .int(samples)), ("incomparable_samples", .int(incomparableSamples)), ("incomparable", .optional(incomparable)),
            ] + error.members + [
                (
                    "top1",
                    top1.map { ["agreement": .number($0.share), "equal": .int($0.equal), "rows": .int($0.rows), "why": .string($0.why)] } ?? .null
                ), ("worst_sample", worst.map { $0.json(of: name) } ?? .null),
            ])
    }

    fileprivate var row: [String] {
        let top = top1.map { percent($0.share) } ?? "–"
        if let incomparable { return [name.description, type, "–", "–", "–", "–", top, incomparable] }
        let place = worst.map { "\($0.index) (\($0.origin))" + (isLabel ? "" : ": \($0.error.decibels)") } ?? "–"
        if isLabel { return [name.description, type, "–", "–", "–", "–", top, place] }
        return [
            name.description, type, error.decibels, error.cosine.map { decimals($0, 6) } ?? "–", significant(error.largest),
            error.largestRelative.map(significant) ?? "–", top, place,
        ]
    }
}

extension OutputFidelity.Worst {
    fileprivate func json(of output: Name) -> JSONValue {
        .object([("index", .int(index)), ("origin", .string(origin)), ("output", .name(output))] + error.members)
    }
}

extension LayerFidelity {
    fileprivate var json: JSONValue {
        [
            "compared": .int(layers.count),
            "unmatched": .int(unmatched),
            "limit_db": .number(limit),
            "first": .optional(first?.name.text),
            "worst": .list(worst.prefix(10)) { .name($0.name) },
            "hurting": .list(hurting.prefix(10)) { .name($0.name) },
            "values": .list(layers, \.json),
        ]
    }

    fileprivate var lines: [String] {
        var lines = [
            "layers: \(counted(layers.count, "value")) compared, \(grouped(layers.count { $0.isMatchedByName })) by name and "
                + "\(grouped(layers.count { !$0.isMatchedByName })) by place; \(grouped(unmatched)) without a partner"
        ]
        guard let first else { return lines + ["  none is below \(decimals(limit, 0)) dB"] }
        lines.append("  the two part at '\(first.name)', \(first.node): \(first.error.decibels)")
        if let most = hurting.first { lines.append("  \(most.node) hurts most: \(most.change)") }
        let rows = worst.prefix(10).map { layer in
            [
                layer.name.description, layer.op.description + (layer.isChanged ? ", changed" : ""), layer.change,
                "cosine " + (layer.error.cosine.map { decimals($0, 6) } ?? "–"), "max error \(significant(layer.error.largest))",
            ]
        }
        return lines + ["  worst:"] + table(rows, indent: 4)
    }
}

extension LayerFidelity.Layer {
    fileprivate var json: JSONValue {
        .object(
            [
                ("name", .name(name)), ("candidate_name", .name(candidateName)), ("op", .name(op)), ("node", .string(node)),
                ("matched_by", .string(isMatchedByName ? "name" : "place")), ("changed", .bool(isChanged)),
            ] + error.members + [("input_sqnr_db", .optional(decibelsBefore))])
    }

    private var decibelsBefore: Double? { noiseBefore > 0 ? -10 * decimalLogarithm(noiseBefore) : nil }

    fileprivate var change: String { (decibelsBefore.map { "\(decimals($0, 2)) dB" } ?? "equal") + " → " + error.decibels }
}
