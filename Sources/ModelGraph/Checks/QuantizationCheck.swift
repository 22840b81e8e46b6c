internal import Tensors

/// Quantization annotations: the tensors that they name must be there (ONNX IR specification, "TensorAnnotation").
struct QuantizationCheck: FindingVisitor {
    var findings: FindingList

    init(_ findings: FindingList) { self.findings = findings }

    mutating func enter(_ graph: Graph, at place: Place) {
        guard !graph.quantizationAnnotations.isEmpty else { return }
        let values = graph.initializers.compactMap(\.name) + graph.inputs.compactMap(\.name) + graph.nodes.flatMap(\.outputs)
        let known = Set(values)
        for annotation in graph.quantizationAnnotations {
            for parameter in annotation.parameters {
                guard let name = parameter.value, !known.contains(name) else { continue }
                findings.warn(
                    place, "the quantization annotation of '\(annotation.tensorName ?? "")' names '\(name)' as its \(parameter.key ?? ""), "
                        + "which is no value of the graph; it is carried as it is")
            }
        }
    }
}
