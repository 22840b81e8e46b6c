internal import ModelGraph
internal import Tensors

private let axisNames: Set<Name> = ["axis", "axes", "batch_axis", "time_axis", "perm", "batch_dims", "scan_input_axes", "scan_output_axes"]
/// No tensor has so many dimensions; beyond it even changing the sign of an axis can overflow.
private let axisRange = -Int64(1 << 16)...Int64(1 << 16)

/// Attributes that name axes, of any operator: numbers that no tensor can have.
func checkAxes(of node: Node, into report: inout NodeReport) {
    for attribute in node.attributes {
        guard let name = attribute.name, axisNames.contains(name) else { continue }
        let values: [Int64]
        switch attribute.value {
        case .int(let value): values = [value]
        case .ints(let list): values = list
        default: continue
        }
        if let wrong = values.first(where: { !axisRange.contains($0) }) {
            report.error("attribute '\(name)' is \(wrong), an axis lies in \(axisRange.lowerBound) to \(axisRange.upperBound)")
        }
    }
}

extension OperatorNode {
    /// The attribute must name an axis of the input, counted from either end; `extra` more where it may stand behind the last.
    func checkAxis(_ name: Name = "axis", ofInput input: Int = 0, extra: Int = 0, into report: inout NodeReport) {
        guard let axis = int(name), let rank = rank(ofInput: input) else { return }
        // A scalar counts as having one axis.
        let low = -max(rank, 1), high = max(rank, 1) - 1 + extra
        if axis < low || axis > high {
            report.error("attribute '\(name)' is \(axis), the input has \(counted(rank, "dimension")): \(low) to \(high) is expected")
        }
    }
}
