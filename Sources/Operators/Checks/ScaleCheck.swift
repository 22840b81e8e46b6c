internal import ModelGraph
internal import Tensors

extension OperatorNode {
    /// A quantization scale that is no positive number makes every value useless; runtimes take it all the same.
    func checkScale(_ input: Int, into report: inout NodeReport) {
        guard let wrong = constantFloats(input)?.first(where: { !($0 > 0) || $0.isInfinite }) else { return }
        report.warn("scale '\(node.inputs[input])' holds \(wrong), a positive number is expected")
    }

    /// The axis counts only where there is a scale for each of its channels; exporters leave it in elsewhere.
    func checkScaleAxis(into report: inout NodeReport) {
        guard let scales = constant(1)?.dims, scales.count == 1, scales[0] > 1 else { return }
        checkAxis(into: &report)
    }
}
