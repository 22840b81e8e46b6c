internal import Compression
internal import ModelGraph
internal import Tensors

extension ActivationReport {
    var json: JSONValue {
        [
            "element_type": .string("\(elementType)"),
            "range": .string(method.description),
            "tried": .list(tried) { ["range": .string($0.method.description), "sqnr_db": .decibels($0.sqnr)] },
            "samples": .int(sampleCount),
            "held_back": .int(heldBack),
            "measured": .int(measured),
            "sqnr_db_before": sqnrBefore.map { .decibels($0) } ?? .null,
            "sqnr_db": sqnr.map { .decibels($0) } ?? .null,
            "integer_nodes": .int(integerNodes),
            "integer_products": .int(integerProducts),
            "float_products": .list(floatLayers) { ["node": .string($0.label), "reason": .string($0.reason)] },
            "smoothed": .list(smoothings) {
                [
                    "name": .name($0.name), "strength": .number(rounded($0.strength, 3)), "folded": .bool($0.isFolded), "sqnr_db_before": .decibels($0.before),
                    "sqnr_db": .decibels($0.after),
                ]
            },
            "equalized_pairs": .int(equalizedPairs),
            "notes": .list(notes, JSONValue.string),
            "tensors": .list(rows, \.json),
        ]
    }

    var lines: [String] {
        var lines = [
            "  \(elementType) activations: \(counted(integerProducts, "product")) and \(counted(integerNodes - integerProducts, "other node")) compute with integers; "
                + "calibrated with \(counted(sampleCount - heldBack, "sample")), range by \(method)"
        ]
        if tried.count > 1 {
            lines.append("  on \(counted(measured, "sample"))\(heldBack > 0 ? ", of them \(heldBack) held back" : " that calibrated"): " + tried.map { "\($0.method) \(text($0.sqnr))" }.joined(separator: ", "))
        }
        if let sqnr, let sqnrBefore, sqnr != sqnrBefore { lines.append("  \(text(sqnrBefore)) before layers went back to floats, \(text(sqnr)) after") }
        if equalizedPairs > 0 { lines.append("  equalized \(counted(equalizedPairs, "pair")) of convolutions") }
        for smoothing in smoothings.prefix(20) {
            lines.append(
                "  smoothed '\(smoothing.name)' with strength \(decimals(smoothing.strength, 2)), \(smoothing.isFolded ? "in the node before" : "by a Mul"): "
                    + "\(text(smoothing.before)) → \(text(smoothing.after))")
        }
        if smoothings.count > 20 { lines.append("  … and \(smoothings.count - 20) more; --json has all") }
        lines += notes.map { "  \($0)" }
        let most = 40
        let worst = rows.sorted { $0.sqnr < $1.sqnr }
        lines += table(
            [["activation", "seen", "range", "scale", "zero", "SQNR"]]
                + worst.prefix(most).map { row in
                    [
                        row.name.description, "\(short(row.seen.low))…\(short(row.seen.high))", "\(short(row.range.low))…\(short(row.range.high))", short(row.scale),
                        "\(row.zeroPoint)", text(row.sqnr),
                    ]
                }, indent: 4, right: [3, 4, 5])
        if rows.count > most { lines.append("    … and \(rows.count - most) more with less loss; --json has all") }
        var reasons: [String: [String]] = [:]
        for layer in floatLayers { reasons[layer.reason, default: []].append(layer.label) }
        for (reason, labels) in reasons.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
            lines.append("  floats: \(counted(labels.count, "product")), \(reason): \(labels.prefix(3).joined(separator: ", "))\(labels.count > 3 ? ", …" : "")")
        }
        return lines
    }

    private func text(_ decibels: Double) -> String { decibels.isFinite ? decimals(decibels, 1) + " dB" : "exact" }

    private func short(_ value: Float) -> String { "\(rounded(Double(value), abs(value) < 0.1 ? 6 : 3))" }
}

extension ActivationReport.Row {
    fileprivate var json: JSONValue {
        [
            "name": .name(name),
            "seen": .list([seen.low, seen.high]) { .number(Double($0)) },
            "range": .list([range.low, range.high]) { .number(Double($0)) },
            "scale": .number(Double(scale)),
            "zero_point": .int(zeroPoint),
            "method": .string(method.description),
            "sqnr_db": .decibels(sqnr),
        ]
    }
}

extension JSONValue {
    /// Null where nothing was lost.
    fileprivate static func decibels(_ value: Double) -> JSONValue { value.isFinite ? .number(rounded(value, 3)) : .null }
}
