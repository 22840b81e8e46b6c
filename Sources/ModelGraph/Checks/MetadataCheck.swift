internal import Tensors

/// Keys of metadata that stand twice in one list, which the specification forbids and readers take differently.
struct MetadataCheck: FindingVisitor {
    var findings: FindingList

    init(_ findings: FindingList, modelMetadata: [KeyValue]) {
        self.findings = findings
        check(modelMetadata, at: Place())
    }

    mutating func enter(_ graph: Graph, at place: Place) { check(graph.metadata, at: place) }
    mutating func enter(_ function: Function, at place: Place) { check(function.metadata, at: place) }
    mutating func enter(_ node: Node, at place: Place) { check(node.metadata, at: place) }
    mutating func visit(_ tensor: Tensor, at place: Place) { check(tensor.metadata, at: place) }

    mutating func check(_ metadata: [KeyValue], at place: Place) {
        guard metadata.count > 1 else { return }
        var seen: Set<Name> = [], doubled = 0, first: Name?
        for each in metadata where !seen.insert(each.key ?? "").inserted {
            doubled += 1
            first = first ?? each.key
        }
        guard doubled > 0 else { return }
        findings.warn(place, "metadata_props has \(doubled == 1 ? "1 entry" : "\(doubled) entries") whose key was there before (first: '\(first ?? "")'), keys must differ; all are kept")
    }
}
