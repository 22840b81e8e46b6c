internal import ModelGraph
internal import Tensors

extension OperatorNode {
    /// A subgraph must have as many inputs and outputs as the node hands it and takes from it.
    func checkBody(_ name: Name, inputs: Int?, outputs: ClosedRange<Int>, into report: inout NodeReport) {
        guard let body = graph(name) else { return }
        if let inputs, body.inputs.count != inputs {
            report.error("attribute '\(name)' is a graph of \(counted(body.inputs.count, "input")), \(inputs) are expected")
        }
        if !outputs.contains(body.outputs.count) {
            report.error("attribute '\(name)' is a graph of \(counted(body.outputs.count, "output")), \(outputs.lowerBound) are expected")
        }
    }
}
