internal import ModelGraph
internal import Tensors

/// Rules that convolutions and pooling share: windows, steps and borders (ONNX operators Conv and MaxPool).
extension OperatorNode {
    /// `weights`: the input whose dims behind the first two are the window; nil for pooling.
    func checkWindow(weights: Int? = nil, into report: inout NodeReport) {
        let weightDims = weights.flatMap { constant($0) }.map { $0.dims.map(Int64.init) }
        if let weightDims, weightDims.count < 3 {
            report.error("weights have \(counted(weightDims.count, "dimension")), at least 3 are expected (out, in, window)")
            return
        }
        let fromWeights = weightDims.map { Array($0.dropFirst(2)) }
        let kernel = ints("kernel_shape") ?? fromWeights
        let axes = kernel?.count ?? rank(ofInput: 0).map { max(0, $0 - 2) }
        if let kernel, let fromWeights, kernel != fromWeights {
            report.error("attribute 'kernel_shape' is \(listText(kernel)), the weights' window is \(listText(fromWeights))")
        }
        check("kernel_shape", atLeast: 1, count: axes, into: &report)
        check("strides", atLeast: 1, count: axes, into: &report)
        check("dilations", atLeast: 1, count: axes, into: &report)
        check("pads", atLeast: 0, count: axes.map { 2 * $0 }, into: &report)
        check("output_padding", atLeast: 0, count: axes, into: &report)
        if axes == nil, let pads = ints("pads"), pads.count % 2 != 0 {
            report.error("attribute 'pads' has \(counted(pads.count, "number")), an even number is expected (start and end of each axis)")
        }
        checkReach(kernel, into: &report)
        checkAutoPad(into: &report)
    }

    /// `group` is at least 1, and divides the output channels of constant weights.
    func checkGroup(weights: Int, outputAxis: Int? = 0, into report: inout NodeReport) {
        guard let group = int("group") else { return }
        if group < 1 {
            report.error("attribute 'group' is \(group), at least 1 is expected")
        } else if let outputAxis, let dims = constant(weights)?.dims, outputAxis < dims.count, Int64(dims[outputAxis]) % group != 0 {
            report.error("attribute 'group' is \(group), it must divide the \(dims[outputAxis]) output channels")
        }
    }

    private func check(_ name: Name, atLeast least: Int64, count: Int?, into report: inout NodeReport) {
        guard let values = ints(name) else { return }
        if let wrong = values.first(where: { $0 < least || $0 > 1 << 31 }) {
            report.error("attribute '\(name)' has \(wrong), \(least) to 2^31 is expected")
        }
        if let count, values.count != count {
            report.error("attribute '\(name)' has \(counted(values.count, "number")), \(count) are expected (by the window's axes)")
        }
    }

    /// How far a dilated window reaches must be a number that sizes can have.
    private func checkReach(_ kernel: [Int64]?, into report: inout NodeReport) {
        guard let kernel, let dilations = ints("dilations") else { return }
        for (size, dilation) in zip(kernel, dilations) {
            let reach = dilation.multipliedReportingOverflow(by: max(size, 1) - 1)
            if reach.overflow || reach.partialValue > 1 << 48 {
                report.error("a window of \(size) with dilation \(dilation) reaches further than 2^48, the limit of a tensor")
                return
            }
        }
    }

    private func checkAutoPad(into report: inout NodeReport) {
        guard let mode = string("auto_pad") else { return }
        let known: [Name] = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]
        // Exporters of the first days wrote "".
        if !mode.isEmpty, !known.contains(mode) {
            report.error("attribute 'auto_pad' is '\(mode)', NOTSET, SAME_UPPER, SAME_LOWER or VALID is expected")
        }
    }
}

/// A few numbers in words.
func listText(_ values: [Int64]) -> String {
    values.count <= 8 ? "\(values)" : "[" + values.prefix(8).map(String.init).joined(separator: ", ") + ", … (\(values.count) numbers)]"
}
