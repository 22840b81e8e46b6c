internal import ModelGraph
internal import Tensors

extension OperatorNode {
    /// Rules that RNN, GRU and LSTM share.
    func checkRecurrent(into report: inout NodeReport) {
        if let size = int("hidden_size"), size < 1 {
            report.error("attribute 'hidden_size' is \(size), at least 1 is expected")
        }
        let directions: [Name] = ["forward", "reverse", "bidirectional"]
        if let direction = string("direction"), !directions.contains(direction) {
            report.error("attribute 'direction' is '\(direction)', forward, reverse or bidirectional is expected")
        }
    }
}
