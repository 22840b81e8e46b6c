internal import Operators
internal import Tensors

/// The operators that this version runs, and those of ONNX that it does not.
public struct OperatorList: Sendable {
    private let rows = Operators.table
    private let missing = Operators.missing

    fileprivate init() {}

    private static func title(_ domain: Name, _ name: Name) -> String { domain.isEmpty ? name.text : "\(domain.text).\(name.text)" }
    /// ONNX Runtime's own have one version.
    private static func versions(_ row: OperatorRow) -> String { row.versions.isEmpty ? "–" : row.versions.map(String.init).joined(separator: ", ") }

    /// `251 operators: 205 of ONNX, 20 of ai.onnx.ml …`
    private var summary: String {
        var counts: [(domain: Name, count: Int)] = []
        for row in rows {
            if counts.last?.domain == row.domain { counts[counts.count - 1].count += 1 } else { counts.append((row.domain, 1)) }
        }
        let parts = counts.map { "\($0.count) of \($0.domain.isEmpty ? "ai.onnx" : $0.domain.text)" }
        return "\(counted(rows.count, "operator")): \(parts.joined(separator: ", "))"
    }

    private var missingText: String { "Not run: " + missing.map { Self.title($0.domain, $0.name) }.joined(separator: ", ") + "." }

    public var text: String {
        let lines = table([["operator", "since", "not supported"]] + rows.map { [Self.title($0.domain, $0.name), Self.versions($0), $0.limits ?? ""] }, indent: 0)
        return (lines + ["", summary, missingText]).joined(separator: "\n") + "\n"
    }

    /// The table of the README.
    public var markdown: String {
        var lines = ["<details>", "<summary>\(summary)</summary>", "", "| operator | since operator set | not supported |", "|---|---|---|"]
        lines += rows.map { "| \(Self.title($0.domain, $0.name)) | \(Self.versions($0)) | \(($0.limits ?? "").split(separator: "|").joined(separator: "\\|")) |" }
        return (lines + ["", missingText, "", "</details>"]).joined(separator: "\n") + "\n"
    }

    public var json: JSONValue {
        [
            "schema": "operators/1",
            "operators": .list(rows) { row in
                [
                    "domain": .name(row.domain), "name": .name(row.name), "versions": .list(row.versions) { .int(Int($0)) }, "not_supported": .optional(row.limits),
                ]
            },
            "not_run": .list(missing) { ["domain": .name($0.domain), "name": .name($0.name)] },
        ]
    }
}

extension Thimble {
    public static var operators: OperatorList { OperatorList() }
}
