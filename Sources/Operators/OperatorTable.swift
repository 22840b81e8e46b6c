package import Tensors

/// What this version runs, a row per operator.
package struct OperatorRow: Sendable {
    package let domain: Name
    package let name: Name
    /// The operator sets that brought a version of it, in order; empty for operators that ONNX does not define.
    package let versions: [Int64]
    /// What of it cannot be run.
    package let limits: String?
}

extension Operators {
    /// By domain and name.
    package static let table: [OperatorRow] = all.filter { $0.runnable != nil }.map { op in
        let versions = OperatorSchemas.versions(of: op.name, domain: op.domain).map(\.sinceVersion).sorted()
        return OperatorRow(domain: op.domain, name: op.name, versions: versions, limits: op.limits)
    }.sorted { ($0.domain, $0.name) < ($1.domain, $1.name) }

    /// ONNX's own operators that are not run.
    package static var missing: [(domain: Name, name: Name)] {
        var names: Set<[Name]> = []
        for line in OperatorSchemas.lines.description.split(separator: "\n") {
            guard let schema = OperatorSchema(line: String(line)), runnable(schema.name, domain: schema.domain) == nil else { continue }
            names.insert([schema.domain, schema.name])
        }
        return names.map { ($0[0], $0[1]) }.sorted { ($0.domain, $0.name) < ($1.domain, $1.name) }
    }
}
