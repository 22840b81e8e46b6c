internal import Compression
internal import ModelGraph
internal import Tensors

extension QuantizationReport {
    var json: JSONValue {
        [
            "calibration": .optional(calibration),
            "quantized_tensors": .int(changed.count),
            "bytes_before": .int(byteCountBefore),
            "bytes_after": .int(byteCountAfter),
            "zlib_bytes": .int(deflatedByteCount),
            "notes": .list(notes, JSONValue.string),
            "tensors": .list(rows, \.json),
        ]
    }

    /// A table of what changed, then the reasons why others did not.
    var lines: [String] {
        var lines = [
            "  quantized \(counted(changed.count, "tensor")): \(printable(bytes: byteCountBefore)) → \(printable(bytes: byteCountAfter)), \(printable(bytes: deflatedByteCount)) after zlib"
                + (calibration.map { "; statistics from \($0)" } ?? "; without data")
        ]
        lines += notes.map { "  \($0)" }
        let most = 60
        lines += table(
            [["tensor", "used by", "dims", "as", "method", "bytes", "→", "zlib", "SQNR"]] + changed.prefix(most).map(\.cells), indent: 4, right: [5, 6, 7, 8])
        if changed.count > most { lines.append("    … and \(changed.count - most) more; --json has all") }
        var reasons: [String: [Row]] = [:]
        for row in rows where row.change == nil { reasons[row.reasonToStay ?? "", default: []].append(row) }
        for (reason, rows) in reasons.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
            let names = rows.prefix(3).map { $0.name.isEmpty ? $0.place.description : "'\($0.name)'" }.joined(separator: ", ")
            lines.append("  left: \(counted(rows.count, "tensor")), \(reason): \(names)\(rows.count > 3 ? ", …" : "")")
        }
        return lines
    }
}

extension QuantizationReport.Change {
    /// "gptq"; where rows went different ways "gptq 370, rtn 14".
    fileprivate var methods: String {
        rows.count > 1 ? rows.map { "\($0.method) \($0.count)" }.joined(separator: ", ") : method.rawValue
    }
}

extension QuantizationReport.Row {
    fileprivate var cells: [String] {
        let change = change
        return [
            name.description, users.joined(separator: " "), dims.map(String.init).joined(separator: "×"), change?.scheme ?? "",
            (change?.methods ?? "") + (change?.usedStatistics ?? false ? "" : " (no data)"), grouped(byteCountBefore), grouped(change?.byteCount ?? 0),
            grouped(change?.deflatedByteCount ?? 0), change.map { $0.sqnr.isFinite ? decimals($0.sqnr, 1) + " dB" : "exact" } ?? "",
        ]
    }

    fileprivate var json: JSONValue {
        [
            "name": .name(name),
            "place": .list(place.around, JSONValue.string),
            "used_by": .list(users, JSONValue.string),
            "element_type": .string("\(elementType)"),
            "dims": .list(dims, JSONValue.int),
            "scheme": .optional(change?.scheme),
            "method": .optional(change?.method.rawValue),
            "rows_by_method": .list(change?.rows ?? []) { ["method": .string($0.method.rawValue), "rows": .int($0.count)] },
            "chosen_in_part": .optional(change?.isChosenInPart),
            "used_statistics": .optional(change?.usedStatistics),
            "bits": .optional(change?.bits),
            "bytes_before": .int(byteCountBefore),
            "bytes_after": .int(change?.byteCount ?? byteCountBefore),
            "zlib_bytes": .optional(change?.deflatedByteCount),
            "zlib_measured_in_part": .optional(change?.isDeflatedMeasuredInPart),
            "sqnr_db": .optional(change.flatMap { $0.sqnr.isFinite ? rounded($0.sqnr, 3) : nil }),
            "reason": .optional(reasonToStay),
        ]
    }
}
