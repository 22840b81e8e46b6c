public import Simplification
internal import Tensors

extension SimplificationReport {
    /// `simplify` in `convert/1`.
    public var json: JSONValue {
        [
            "nodes_before": .int(nodesBefore),
            "nodes_after": .int(nodesAfter),
            "rounds": .int(rounds),
            "settled": .bool(isSettled),
            "seconds": .number(rounded(seconds, 6)),
            "passes": .list(passes) { pass in
                [
                    "name": .string(pass.name),
                    "changes": .int(pass.changes),
                    "removed_nodes": .int(pass.removedNodes),
                    "removed_constants": .int(pass.removedConstants),
                    "removed_bytes": .int(pass.removedBytes),
                    "examples": .list(pass.examples, JSONValue.string),
                    "left_alone": .list(pass.leftAlone, JSONValue.string),
                ]
            },
        ]
    }

    /// One line for the report of a conversion.
    var line: String {
        "simplified: \(nodesBefore) → \(counted(nodesAfter, "node")) in \(counted(rounds, "round")), \(decimals(seconds * 1000, 1)) ms"
            + (isSettled ? "" : "; the passes still found something to do in the last round")
    }

    /// Who did what, for `--explain`.
    public var explanation: String {
        var lines: [String] = []
        for pass in passes {
            guard pass.changes > 0 else {
                lines.append("  \(pass.name): nothing to do")
                lines += pass.leftAlone.map { "    left alone: \($0)" }
                continue
            }
            lines.append("  \(pass.name): \(counted(pass.changes, "change"))\(effects(pass)) (\(pass.summary))")
            lines += pass.examples.map { "    \($0)" }
            if pass.changes > pass.examples.count { lines.append("    … \(pass.changes - pass.examples.count) more") }
            lines += pass.leftAlone.map { "    left alone: \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func effects(_ pass: PassReport) -> String {
        var parts: [String] = []
        func add(_ count: Int, _ noun: String) {
            if count != 0 { parts.append("\(counted(abs(count), noun)) \(count > 0 ? "less" : "more")") }
        }
        add(pass.removedNodes, "node")
        add(pass.removedConstants, "constant")
        if pass.removedBytes != 0 { parts.append("\(printable(bytes: abs(pass.removedBytes))) of constants \(pass.removedBytes > 0 ? "less" : "more")") }
        return parts.isEmpty ? "" : ", " + parts.joined(separator: ", ")
    }
}

extension StripReport {
    /// `strip` in `convert/1`.
    public var json: JSONValue {
        [
            "bytes": .int(byteCount),
            "kinds": .list(removed.kinds) { ["name": .string($0.name), "count": .int($0.count), "bytes": .int($0.byteCount)] },
            "absolute_paths": .list(removed.absolutePaths, JSONValue.string),
            "absolute_path_count": .int(removed.absolutePathCount),
        ]
    }

    /// Lines for the report of a conversion.
    var lines: [String] {
        let kinds = removed.kinds.map { "\(printable(bytes: $0.byteCount)) of \($0.name)" }.joined(separator: ", ")
        guard byteCount > 0 else { return ["stripped: there was no text to drop"] }
        var lines = ["stripped \(printable(bytes: byteCount)) of text: \(kinds)"]
        if removed.absolutePathCount > 0 {
            let shown = removed.absolutePaths.prefix(3).map { printable($0) }.joined(separator: ", ")
            lines.append("\(counted(removed.absolutePathCount, "path")) of the author's machine went with it" + (shown.isEmpty ? "" : ", such as \(shown)"))
        }
        return lines
    }
}
