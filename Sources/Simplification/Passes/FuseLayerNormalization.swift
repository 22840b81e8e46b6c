internal import ModelGraph
internal import Operators
internal import Tensors

/// Recognises a layer normalization written out in single steps.
///
///     d = x - mean(x);  y = d / √(mean(d²) + ε) · γ (+ β)      becomes      LayerNormalization(x, γ, β)
///
/// Applies from operator set 17 on, in FLOAT and DOUBLE, where both means go over the same last axes and keep them, ε is a constant, γ and β are
/// constants of the dims of these axes, and no step is read elsewhere. The normalization without a mean becomes RMSNormalization from operator set 23 on.
enum FuseLayerNormalization: GraphPass {
    static let name = "fuse-layer-normalization"
    static let summary = "the steps of a layer normalization become LayerNormalization or RMSNormalization, where the operator set has it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard graph.opset >= 17 else { return }
        for node in graph.nodes(of: .div, .mul) where graph.nodes[node].isAlive {
            guard let found = match(node, graph), let scale = graph.onlyUser(graph.nodes[node].outputs[0]), graph.nodes[scale].kind == .mul,
                let gamma = parameter(of: scale, besides: graph.nodes[node].outputs[0], found.dims, graph)
            else { continue }
            var inputs = [found.data, gamma], last = scale
            if found.isCentred, let shift = graph.onlyUser(graph.nodes[scale].outputs[0]), graph.nodes[shift].kind == .add,
                let beta = parameter(of: shift, besides: graph.nodes[scale].outputs[0], found.dims, graph)
            {
                inputs.append(beta)
                last = shift
            }
            guard found.isCentred || graph.opset >= 23 else { continue }
            log.did("\(graph.label(last)) and the steps before it")
            graph.rewrite(
                last, as: found.isCentred ? .layerNormalization : .rmsNormalization, inputs,
                [Attribute("axis", .int(Int64(-found.dims.count))), Attribute("epsilon", .float(found.epsilon))])
        }
    }

    private struct Match {
        let data: ValueID
        let dims: [Int]
        let epsilon: Float
        let isCentred: Bool
    }

    /// d / √(mean(d²) + ε), written as a quotient or as a product with a Reciprocal.
    private static func match(_ node: NodeID, _ graph: GraphEditor) -> Match? {
        let inputs = graph.nodes[node].inputs
        guard inputs.count == 2, inputs.allSatisfy({ $0 >= 0 }), graph.isWideFloat(inputs[0]) else { return nil }
        if graph.nodes[node].kind == .div { return match(inputs[0], root: inputs[1], graph) }
        for index in [0, 1] {
            guard let reciprocal = graph.maker(inputs[1 - index], .reciprocal), graph.hasOneUse(inputs[1 - index]) else { continue }
            return match(inputs[index], root: graph.nodes[reciprocal].inputs[0], graph)
        }
        return nil
    }

    private static func match(_ centred: ValueID, root: ValueID, _ graph: GraphEditor) -> Match? {
        guard let sqrt = graph.maker(root, .sqrt), graph.hasOneUse(root), let add = graph.maker(graph.nodes[sqrt].inputs[0], .add),
            graph.hasOneUse(graph.nodes[add].outputs[0]), let (epsilon, variance) = graph.constantOperand(of: add), let number = graph.scalar(epsilon),
            let mean = graph.maker(variance, .reduceMean), graph.hasOneUse(variance), let axes = lastAxes(of: mean, graph),
            squares(graph.nodes[mean].inputs[0], centred, graph), let dims = graph.dims(centred)
        else { return nil }
        let fixed = dims.suffix(axes).compactMap(\.value)
        guard fixed.count == axes else { return nil }
        if let sub = graph.maker(centred, .sub), let average = graph.maker(graph.nodes[sub].inputs[1], .reduceMean), lastAxes(of: average, graph) == axes,
            graph.nodes[average].inputs[0] == graph.nodes[sub].inputs[0], graph.haveSameDims(graph.nodes[sub].inputs[0], centred)
        {
            // Reads of the centred value elsewhere would keep it alive.
            guard graph.values[centred].users.allSatisfy({ use in use.node >= 0 }), graph.values[centred].users.count <= 3 else { return nil }
            return Match(data: graph.nodes[sub].inputs[0], dims: fixed, epsilon: Float(number), isCentred: true)
        }
        return Match(data: centred, dims: fixed, epsilon: Float(number), isCentred: false)
    }

    private static func squares(_ value: ValueID, _ of: ValueID, _ graph: GraphEditor) -> Bool {
        guard graph.hasOneUse(value), let maker = graph.maker(value) else { return false }
        let inputs = graph.nodes[maker].inputs
        switch graph.nodes[maker].kind {
        case .mul: return inputs == [of, of]
        case .pow: return inputs.count == 2 && inputs[0] == of && graph.scalar(inputs[1]) == 2
        default: return false
        }
    }

    /// How many last axes a ReduceMean goes over, keeping them; nil if it does anything else.
    private static func lastAxes(of node: NodeID, _ graph: GraphEditor) -> Int? {
        guard graph.int(node, "keepdims") ?? 1 == 1, let rank = graph.rank(graph.nodes[node].inputs[0]), let axes = graph.intList(node, attribute: "axes", input: 1) ?? nil
        else { return nil }
        let sorted = axes.map { $0 < 0 ? $0 + rank : $0 }.sorted()
        return !sorted.isEmpty && sorted == Array(rank - sorted.count..<rank) ? sorted.count : nil
    }

    /// The other operand if it is a constant of just these dims.
    private static func parameter(of node: NodeID, besides value: ValueID, _ dims: [Int], _ graph: GraphEditor) -> ValueID? {
        guard let (constant, data) = graph.constantOperand(of: node), data == value, let tensor = graph.constant(constant), tensor.dims == dims,
            tensor.elementType == graph.elementType(value)
        else { return nil }
        return constant
    }
}
