internal import ModelGraph
internal import Tensors

/// Divides the channels of a value by positive factors without a node of its own: in the constants of the nodes that make it.
///
/// Goes back through `Relu` (max(x, 0) / s = max(x / s, 0)), through `Add`, `Mul` and `Div` with a constant, to the scale and bias of a `LayerNormalization` or
/// to the weights and bias of a `MatMul` or `Gemm`. Channels are the last axis. Refused where somebody else reads a value on the way.
struct ChannelFolding {
    private let uses: GraphUses
    private let factors: [Float]
    /// New constants by node and input.
    private(set) var changes: [(node: Int, input: Int, values: [Float], dims: [Int])] = []

    /// Nil where it cannot be.
    init?(_ uses: GraphUses, value: Name, by factors: [Float]) {
        (self.uses, self.factors) = (uses, factors)
        guard divide(value) else { return nil }
    }

    /// `value` has no readers but those that are to see it divided.
    private mutating func divide(_ value: Name) -> Bool {
        guard let index = uses.makers[value], !uses.shown.contains(value) else { return false }
        let node = uses.nodes[index]
        guard node.isStandard, node.outputs.count == 1 else { return false }
        switch node.opType?.text {
        case "Relu": return goOn(node.inputs[0])
        case "Mul":
            for (constant, _) in [(0, 1), (1, 0)] where change(index, constant, { $0 / $1 }) { return true }
            return false
        case "Div": return change(index, 1) { $0 * $1 }
        case "Add":
            for (constant, other) in [(0, 1), (1, 0)] where change(index, constant, { $0 / $1 }) { return goOn(node.inputs[other]) }
            return false
        case "LayerNormalization":
            guard node.integer("axis", default: -1) == -1, change(index, 1, { $0 / $1 }) else { return false }
            return node.inputs.count < 3 || node.inputs[2].isEmpty || change(index, 2) { $0 / $1 }
        case "MatMul": return change(index, 1, isMatrix: true) { $0 / $1 }
        case "Gemm":
            guard node.integer("transB", default: 0) == 0 ? change(index, 1, isMatrix: true, { $0 / $1 }) : changeRows(index) else { return false }
            return node.inputs.count < 3 || node.inputs[2].isEmpty || change(index, 2) { $0 / $1 }
        default: return false
        }
    }

    private mutating func goOn(_ value: Name) -> Bool { uses.onlyReader(value) != nil && divide(value) }

    /// A constant whose last axis is the channels, or one for all of them.
    private mutating func change(_ node: Int, _ input: Int, isMatrix: Bool = false, _ combine: (Float, Float) -> Float) -> Bool {
        let inputs = uses.nodes[node].inputs
        guard input < inputs.count, let tensor = uses.constants[inputs[input]], tensor.elementType == .float, let values = uses.floats(inputs[input]) else { return false }
        if values.count == 1, !isMatrix {
            changes.append((node, input, factors.map { combine(values[0], $0) }, Array(tensor.dims.dropLast()) + [factors.count]))
            return true
        }
        guard tensor.dims.last == factors.count, isMatrix || values.count == factors.count else { return false }
        changes.append((node, input, values.enumerated().map { combine($1, factors[$0 % factors.count]) }, tensor.dims))
        return true
    }

    /// Weights [channels, inputs].
    private mutating func changeRows(_ node: Int) -> Bool {
        let name = uses.nodes[node].inputs[1]
        guard let tensor = uses.constants[name], tensor.elementType == .float, tensor.dims.count == 2, tensor.dims[0] == factors.count, let values = uses.floats(name)
        else { return false }
        changes.append((node, 1, values.enumerated().map { $1 / factors[$0 / tensor.dims[1]] }, tensor.dims))
        return true
    }
}
