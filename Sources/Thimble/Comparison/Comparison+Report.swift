internal import Tensors

extension Comparison {
    public var json: JSONValue {
        [
            "schema": "compare/1",
            "before": .string(before),
            "after": .string(after),
            "bytes_before": .int(bytesBefore),
            "bytes_after": .int(bytesAfter),
            "identical": .bool(isIdentical),
            "differences": .list(differences, \.json),
            "differences_cut_short": .bool(isCutShort),
            "tensors": .list(tensors, \.json),
        ]
    }

    /// For people: all structural differences, then the tensors that changed, those with the largest error first.
    public var text: String {
        var lines = ["\(printable(before)) → \(printable(after)): \(printable(bytes: bytesBefore)) → \(printable(bytes: bytesAfter))"]
        if isIdentical {
            return (lines + ["identical: every field and every value of \(counted(tensors.count, "tensor"))"]).joined(separator: "\n") + "\n"
        }
        lines += differences.prefix(200).map { "  \(($0.place + [$0.sentence]).joined(separator: ": "))" }
        if differences.count > 200 || isCutShort { lines.append("  … more differences (see --json)") }
        let changed = changedTensors
        lines.append("tensors: \(grouped(tensors.count - changed.count)) identical, \(grouped(changed.count)) changed")
        lines += table(changed.prefix(200).map(\.row), right: [2])
        if changed.count > 200 { lines.append("  … \(changed.count - 200) more (see --json)") }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Comparison.Difference {
    fileprivate var json: JSONValue {
        [
            "subject": .string(subject), "place": .list(place, JSONValue.string), "name": .string(name), "before": .optional(before),
            "after": .optional(after),
        ]
    }
}

extension Comparison.TensorChange {
    /// "identical", "changed", "added" or "removed".
    public var status: String { isIdentical ? "identical" : before == nil ? "added" : after == nil ? "removed" : "changed" }

    fileprivate var json: JSONValue {
        let row = before ?? after
        return [
            "name": .name(row?.name ?? nil), "place": .list(row?.place ?? [], JSONValue.string), "status": .string(status),
            "before": before.map(\.form) ?? .null, "after": after.map(\.form) ?? .null, "error": error.map(\.json) ?? .null,
        ]
    }

    fileprivate var row: [String] {
        let row = before ?? after
        let label = row?.label ?? ""
        guard let before, let after else { return [label, status, printable(bytes: row?.byteCount ?? 0)] }
        let types = before.elementType == after.elementType && before.dims == after.dims
            ? "\(before.elementType)\(dimsText(before.dims))"
            : "\(before.elementType)\(dimsText(before.dims)) → \(after.elementType)\(dimsText(after.dims))"
        let sizes = before.byteCount == after.byteCount
            ? printable(bytes: before.byteCount) : "\(printable(bytes: before.byteCount)) → \(printable(bytes: after.byteCount))"
        return [label, types, sizes, error.map(\.words) ?? "other values"]
    }
}

extension Inspection.TensorRow {
    fileprivate var form: JSONValue {
        [
            "element_type": .string(elementType.description), "dims": .list(dims, JSONValue.int), "encoding": .string(encoding),
            "bytes": .int(byteCount),
        ]
    }
}

extension ValueError {
    fileprivate var json: JSONValue {
        [
            "elements": .int(elementCount), "differing_elements": .int(differingCount), "max_abs_error": .number(largest),
            "mean_abs_error": .number(mean), "sqnr_db": .optional(sqnrDecibels), "cosine": .optional(cosine),
        ]
    }

    fileprivate var words: String {
        var words = ["\(grouped(differingCount)) of \(counted(elementCount, "value")) differ"]
        if largest > 0 { words.append("max \(significant(largest)), mean \(significant(mean))") }
        if let sqnrDecibels { words.append("\(decimals(sqnrDecibels, 1)) dB") }
        if let cosine { words.append("cosine \(decimals(cosine, 6))") }
        return words.joined(separator: ", ")
    }
}
