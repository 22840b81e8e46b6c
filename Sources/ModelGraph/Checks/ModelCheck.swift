internal import Tensors

extension Model {
    /// What in this model breaks the ONNX specification, or is odd, whatever its operators mean: versions, names and the order
    /// of computation, tensors, types, attributes, functions. In a fixed order, at most 500 errors and 500 warnings.
    ///
    /// Time and memory grow with the model's structure, never with the size of its weights: of those, only the indices of
    /// sparse tensors are read.
    public func check() -> [Finding] {
        var findings = FindingList()
        check(into: &findings)
        return findings.all
    }

    package func check(into findings: inout FindingList) {
        checkVersions(into: &findings)
        // The other checks recurse as deep as graphs are nested.
        guard checkNesting(into: &findings) else { return }
        run(TensorCheck.init, into: &findings)
        run(AttributeCheck.init, into: &findings)
        run(ValueCheck.init, into: &findings)
        run({ MetadataCheck($0, modelMetadata: metadata) }, into: &findings)
        run(QuantizationCheck.init, into: &findings)
        run({ ScopeCheck(self, $0) }, into: &findings)
        checkFunctions(into: &findings)
    }

    private func run<C: FindingVisitor>(_ check: (FindingList) -> C, into findings: inout FindingList) where C.Failure == Never {
        guard !findings.isFull else { return }
        var visitor = check(findings)
        visit(&visitor)
        findings = visitor.findings
    }
}

/// A check that looks at the model part by part.
protocol FindingVisitor: ModelVisitor {
    var findings: FindingList { get }
}
