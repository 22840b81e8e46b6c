public import ModelGraph
internal import Tensors

/// All that breaks the ONNX specification in a model, or is odd: what `Model.check` finds, then what `checkOperators` finds.
public func checkModel(_ model: Model) -> [Finding] {
    var findings = FindingList()
    model.check(into: &findings)
    checkOperators(model, into: &findings)
    return findings.all
}

/// Whether the nodes of a model are as the schemas of their operators ask: the operator exists in the operator set, numbers of
/// inputs and outputs, attributes, and values that no run could use. In a fixed order, at most 500 errors and 500 warnings.
public func checkOperators(_ model: Model) -> [Finding] {
    var findings = FindingList()
    checkOperators(model, into: &findings)
    return findings.all
}

private func checkOperators(_ model: Model, into findings: inout FindingList) {
    var nesting = FindingList()
    guard model.checkNesting(into: &nesting) else { return }
    var check = OperatorCheck(model, findings)
    model.visit(&check)
    check.finish()
    findings = check.findings
}

struct OperatorCheck: ModelVisitor {
    private(set) var findings: FindingList
    private let model: Model
    private let functions: Set<FunctionKey>
    private var opsets: [Name: Int64]
    private var operators: [OperatorKey: OperatorEntry] = [:]
    private var facts: [GraphFacts] = []
    private var tally = WarningTally()

    init(_ model: Model, _ findings: FindingList) {
        self.model = model
        self.findings = findings
        functions = Set(model.functions.map(FunctionKey.init))
        opsets = Domain.versions(model.opsetImports)
        checkOpsets(model.opsetImports, at: Place())
    }

    mutating func finish() {
        tally.report(to: &findings)
    }

    // MARK: Scopes

    mutating func enter(_ graph: Graph, at place: Place) {
        facts.append(GraphFacts(graph, outer: facts.last))
    }

    mutating func leave(_ graph: Graph, at place: Place) { facts.removeLast() }

    mutating func enter(_ function: Function, at place: Place) {
        facts.append(GraphFacts(function))
        if !function.opsetImports.isEmpty { use(Domain.versions(function.opsetImports)) }
        checkOpsets(function.opsetImports, at: place)
        checkOverriding(function, at: place)
    }

    mutating func leave(_ function: Function, at place: Place) {
        facts.removeLast()
        use(Domain.versions(model.opsetImports))
    }

    private mutating func use(_ opsets: [Name: Int64]) {
        guard opsets != self.opsets else { return }
        self.opsets = opsets
        operators = [:]
    }

    private mutating func checkOpsets(_ imports: [OpsetImport], at place: Place) {
        for each in imports {
            let domain = Domain.canonical(each.domain)
            guard let newest = OperatorSchemas.newestOpset(of: domain), let version = each.version, version > newest else { continue }
            findings.error(
                place, "opset \(version) of \(Domain.label(domain)) is newer than \(newest), the newest that this version knows; a newer Thimble may know it")
        }
    }

    private mutating func checkOverriding(_ function: Function, at place: Place) {
        let domain = Domain.canonical(function.domain)
        guard let name = function.name, !OperatorSchemas.versions(of: name, domain: domain).isEmpty else { return }
        findings.warn(place, "the function has the name of an operator of ONNX and overrides it; it is carried as it is")
    }

    // MARK: Nodes

    mutating func enter(_ node: Node, at place: Place) {
        guard !findings.isFull, let opType = node.opType, !opType.isEmpty else { return }
        if !functions.isEmpty, functions.contains(FunctionKey(node)) { return }
        let key = OperatorKey(name: opType, domain: Domain.canonical(node.domain))
        let entry = operators[key] ?? makeEntry(key)
        switch entry.lookup {
        case .notImported:
            if key.domain == "com.microsoft" {
                tally.warn(place, "\(Domain.label(key.domain)) has no opset_import (ONNX Runtime leaves it out); it is carried as it is", key)
            } else {
                findings.error(
                    place, "no opset_import for \(Domain.label(key.domain)), so the version of its operators is unknown; export the model again")
            }
        case .schema(.unknownDomain): break
        case .schema(.unknownOperator):
            tally.warn(place, "operator '\(opType)' of \(Domain.label(key.domain)) is unknown in opset \(entry.opset); it is carried as it is", key)
        case .schema(.notBefore(let first)): reportNew(key, first, entry, at: place)
        case .schema(.found(let schema)): check(node, schema, entry, key, at: place)
        }
    }

    private mutating func makeEntry(_ key: OperatorKey) -> OperatorEntry {
        // Without any import the operators are those of opset 1.
        let opset = opsets[key.domain] ?? (opsets.isEmpty && key.domain.isEmpty ? 1 : nil)
        let lookup = opset.map { OperatorEntry.Lookup.schema(OperatorSchemas.lookUp(key.name, domain: key.domain, version: $0)) } ?? .notImported
        let entry = OperatorEntry(lookup: lookup, opset: opset ?? 0, operation: Operators.find(key.name, domain: key.domain) as? any Checkable.Type)
        operators[key] = entry
        return entry
    }

    /// Registered by ONNX Runtime in the default domain from opset 1 on, long before ONNX had them.
    private static let olderInRuntimes: Set<Name> = ["LayerNormalization", "MeanVarianceNormalization", "ThresholdedRelu"]

    private mutating func reportNew(_ key: OperatorKey, _ first: Int64, _ entry: OperatorEntry, at place: Place) {
        let text = "\(key.name) does not exist in opset \(entry.opset) of \(Domain.label(key.domain)), it came with opset \(first)"
        if entry.severity == .warning || Self.olderInRuntimes.contains(key.name) {
            tally.warn(place, text + "; some runtimes have it, it is carried as it is", key)
        } else {
            findings.error(place, text + "; import that or a later one")
        }
    }

    private mutating func check(_ node: Node, _ schema: OperatorSchema, _ entry: OperatorEntry, _ key: OperatorKey, at place: Place) {
        if schema.isDeprecated {
            tally.warn(place, "\(key.name) is deprecated since opset \(schema.sinceVersion); it is carried as it is", key)
        }
        var report = NodeReport(entry.severity)
        schema.checkCounts(of: node, into: &report)
        schema.checkAttributes(of: node, into: &report) { text in tally.warn(place, text, key) }
        checkAxes(of: node, into: &report)
        if let operation = entry.operation, report.findings.isEmpty, let facts = facts.last {
            operation.check(OperatorNode(node: node, opset: entry.opset, facts: facts), into: &report)
        }
        for (severity, message) in report.findings { findings.add(severity, place, message) }
    }
}

private struct OperatorKey: Hashable {
    let name: Name
    let domain: Name
}

/// What a check run needs to know about one operator; looked up once.
private final class OperatorEntry {
    enum Lookup {
        case notImported
        case schema(OperatorSchemas.Lookup)
    }

    let lookup: Lookup
    let opset: Int64
    let operation: (any Checkable.Type)?

    init(lookup: Lookup, opset: Int64, operation: (any Checkable.Type)?) {
        self.lookup = lookup
        self.opset = opset
        self.operation = operation
    }

    /// Files of opset 1 were written while ONNX was a draft, by the rules of the day: what contradicts the schemas is odd there,
    /// not wrong.
    var severity: Finding.Severity { opset <= 1 && isDefaultDomain ? .warning : .error }

    private var isDefaultDomain: Bool {
        switch lookup {
        case .schema(.found(let schema)): schema.domain.isEmpty
        default: true
        }
    }
}

/// Warnings that many nodes give alike: told once, with the first place and the number.
private struct WarningTally {
    private struct Key: Hashable {
        let operation: OperatorKey
        let text: String
    }

    private var indices: [Key: Int] = [:]
    private var entries: [(place: Place, text: String, count: Int)] = []

    mutating func warn(_ place: Place, _ text: String, _ operation: OperatorKey) {
        let key = Key(operation: operation, text: text)
        if let index = indices[key] {
            entries[index].count += 1
        } else if entries.count < FindingList.limit {
            indices[key] = entries.count
            entries.append((place, text, 1))
        }
    }

    func report(to findings: inout FindingList) {
        for entry in entries {
            findings.warn(entry.place, entry.count == 1 ? entry.text : "\(entry.text) (\(entry.count) nodes, this is the first)")
        }
    }
}
