internal import ModelGraph
internal import Operators
internal import Tensors

/// A node that is linear in its first input, with a constant weight of its own: y = W·x + b per output channel. What scales or shifts the channels of y
/// can be taken into W and b.
struct LinearNode {
    let node: NodeID
    let weight: Tensor
    let layout: ChannelLayout
    let channels: Int
    /// The axis of the output that has the channels, counted from the end (-1 is the last) for matrices, from the start for convolutions.
    let axis: Int
    /// Nil: there is none.
    let bias: [Double]?
    let type: ElementType

    /// Nil unless `node` is a Conv, ConvTranspose, Gemm or MatMul with a weight in FLOAT or DOUBLE that nobody else reads, and a bias that is a constant
    /// per channel or none.
    init?(_ node: NodeID, _ graph: GraphEditor) {
        let record = graph.nodes[node]
        guard let value = record.inputs.dropFirst().first, let weight = graph.constant(value), weight.isUnencoded, graph.hasOneUse(value), [.float, .double].contains(weight.elementType),
            record.outputs.count == 1
        else { return nil }
        switch record.kind {
        case .conv where weight.dims.count >= 3:
            layout = .conv(weight.dims)
            (channels, axis) = (weight.dims[0], 1)
        case .convTranspose where weight.dims.count >= 3:
            let groups = graph.int(node, "group") ?? 1
            guard groups >= 1, weight.dims[0] % groups == 0, !weight.dims.contains(0) else { return nil }
            layout = .convTranspose(weight.dims, groups: groups)
            (channels, axis) = (weight.dims[1] * groups, 1)
        case .gemm where weight.dims.count == 2 && record.opset >= 7:
            let isTransposed = graph.int(node, "transB") ?? 0 != 0
            layout = .matrix(weight.dims, transposed: isTransposed)
            (channels, axis) = (weight.dims[isTransposed ? 0 : 1], -1)
        case .matMul where weight.dims.count == 2:
            layout = .matrix(weight.dims, transposed: false)
            (channels, axis) = (weight.dims[1], -1)
        default: return nil
        }
        guard !weight.dims.contains(0) else { return nil }
        let given = record.kind == .matMul ? -1 : graph.input(node, 2)
        if given >= 0 {
            guard let tensor = graph.constant(given), tensor.elementType == weight.elementType, let count = tensor.elementCount, count == channels || count == 1,
                tensor.dims.last == count || tensor.dims.isEmpty, var values = try? tensor.doubles()
            else { return nil }
            if values.count != channels { values = [Double](repeating: values[0], count: channels) }
            let beta = Double(record.kind == .gemm ? graph.float(node, "beta") ?? 1 : 1)
            bias = values.map { $0 * beta }
        } else {
            bias = nil
        }
        (self.node, self.weight, type) = (node, weight, weight.elementType)
    }

    /// The channel values of a constant operand that is combined with the output: one number, or one per channel with all other axes 1; nil if it is neither.
    func channelValues(_ value: ValueID, _ graph: GraphEditor) -> [Double]? {
        guard let tensor = graph.constant(value), tensor.elementType == type, let count = tensor.elementCount, count == 1 || count == channels,
            let rank = graph.rank(graph.nodes[node].outputs[0]), tensor.dims.count <= rank
        else { return nil }
        if count != 1 {
            let at = axis < 0 ? tensor.dims.count - 1 : tensor.dims.count - rank + axis
            guard at >= 0, at < tensor.dims.count, tensor.dims[at] == channels else { return nil }
        }
        guard let values = try? tensor.doubles() else { return nil }
        return count == channels ? values : [Double](repeating: values[0], count: channels)
    }

    /// Replaces W by factor·W and b by factor·b + shift, and lets the node make `output` instead of its own. A MatMul takes no shift.
    func apply(factor: [Double]?, shift: [Double]?, output: ValueID, _ graph: GraphEditor) throws {
        let place = graph.nodes[node].graph
        var inputs = graph.nodes[node].inputs
        if let factor { inputs[1] = graph.addConstant(try weight.scaled(by: factor, layout), in: place) }
        if bias != nil || shift != nil {
            var values = bias ?? [Double](repeating: 0, count: channels)
            for channel in values.indices { values[channel] = values[channel] * (factor?[channel] ?? 1) + (shift?[channel] ?? 0) }
            while inputs.count < 3 { inputs.append(-1) }
            inputs[2] = graph.addConstant(try .real(values, type, dims: [channels]), in: place)
            if graph.nodes[node].kind == .gemm { graph.setAttribute(node, "beta", nil) }
        }
        graph.setInputs(node, inputs)
        graph.takeOver(output, node)
    }
}

extension GraphEditor {
    /// Lets `node` make `output`, whose maker goes; the node's own output goes too.
    func takeOver(_ output: ValueID, _ node: NodeID) {
        let own = nodes[node].outputs[0], old = maker(output)
        setOutput(node, 0, output)
        if let old { remove(old) }
        forget(own)
    }
}
