internal import ModelGraph
internal import Tensors

/// Leaves out initial states of LSTM, GRU and RNN that are zeros.
///
/// Applies to zeros that are a constant, or made by ConstantOfShape or Expand and moved about: a state that is not given is zero (ONNX, LSTM). What computed
/// their shape is dead afterwards.
enum DropZeroStates: GraphPass {
    static let name = "drop-zero-states"
    static let summary = "initial states of LSTM, GRU and RNN that are zeros are left out"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .lstm, .gru, .rnn) {
            var inputs = graph.nodes[node].inputs
            for index in [5, 6] where index < inputs.count && (index == 5 || graph.nodes[node].kind == .lstm) && inputs[index] >= 0 {
                guard isZero(inputs[index], graph, depth: 0) else { continue }
                log.did("\(graph.label(node)): '\(graph.values[inputs[index]].name)'")
                inputs[index] = -1
            }
            if inputs != graph.nodes[node].inputs { graph.setInputs(node, inputs) }
        }
    }

    /// True if all elements are 0 for sure.
    private static func isZero(_ value: ValueID, _ graph: GraphEditor, depth: Int) -> Bool {
        if let tensor = graph.constant(value) { return tensor.elementType.isFloat && ((try? tensor.isAllZeroBits()) ?? false) }
        guard depth < 8, let maker = graph.maker(value) else { return false }
        let record = graph.nodes[maker]
        switch record.kind {
        case .constantOfShape:
            guard let attribute = graph.attribute(maker, "value") else { return true }
            guard case .tensor(let tensor) = attribute else { return false }
            return tensor.elementType.isFloat && ((try? tensor.isAllZeroBits()) ?? false)
        case .expand, .slice, .unsqueeze, .squeeze, .reshape, .transpose, .identity, .tile, .gather, .split: return isZero(record.inputs[0], graph, depth: depth + 1)
        default: return false
        }
    }
}

extension Tensor {
    /// At most a few megabytes are looked at.
    fileprivate func isAllZeroBits() throws -> Bool {
        guard let count = plainByteCount, count <= 4 << 20 else { return false }
        var isZero = true
        try plainBytes().forEachPiece { bytes in isZero = isZero && (0..<bytes.byteCount).allSatisfy { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == 0 } }
        return isZero
    }
}
