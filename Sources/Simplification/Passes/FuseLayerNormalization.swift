internal import ModelGraph
internal import Operators
internal import Tensors

/// Recognises a layer normalization written out in single steps.
///
///     d = x - mean(x);  y = d / √(mean(d²) + ε) · γ (+ β)             becomes      LayerNormalization(x, γ, β)
///     g = γ / √(mean(d²) + ε);  y = x · g + (β - mean(x) · g)         becomes      the same
///     y = x / √(mean(x²) + ε) · γ                                     becomes      RMSNormalization(x, γ)
///
/// Applies from operator set 17 on, RMSNormalization from 23 on, in FLOAT and DOUBLE, where means go over the same last axes and keep them, ε is a
/// constant, γ and β are constants of the dims of these axes, and no step is read elsewhere. Factors may stand in any order, the root be a power, a quotient or
/// a Reciprocal.
enum FuseLayerNormalization: GraphPass {
    static let name = "fuse-layer-normalization"
    static let summary = "the steps of a layer normalization become LayerNormalization or RMSNormalization, where the operator set has it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard graph.opset >= 17 else { return }
        for node in graph.nodes(of: .div, .mul) where graph.nodes[node].isAlive {
            guard let found = scaled(node, graph), found.isCentred || graph.opset >= 23 else { continue }
            var inputs = [found.data, found.gamma], last = node
            if found.isCentred, let shift = graph.onlyUser(graph.nodes[node].outputs[0]), graph.nodes[shift].kind == .add,
                let beta = parameter(of: shift, besides: graph.nodes[node].outputs[0], found.dims, graph)
            {
                inputs.append(beta)
                last = shift
            }
            rewrite(last, found, inputs, graph, &log)
        }
        for node in graph.nodes(of: .add) where graph.nodes[node].isAlive {
            guard let (found, beta) = distributed(node, graph) else { continue }
            rewrite(node, found, [found.data, found.gamma, beta], graph, &log)
        }
    }

    private static func rewrite(_ node: NodeID, _ found: Match, _ inputs: [ValueID], _ graph: GraphEditor, _ log: inout PassLog) {
        log.did("\(graph.label(node)) and the steps before it")
        graph.rewrite(
            node, as: found.isCentred ? .layerNormalization : .rmsNormalization, inputs,
            [Attribute("axis", .int(Int64(-found.dims.count))), Attribute("epsilon", .float(found.epsilon))])
    }

    private struct Match {
        let data: ValueID
        let gamma: ValueID
        let dims: [Int]
        let epsilon: Float
        let isCentred: Bool
    }

    /// mean(d²) + ε under a root.
    private struct Deviation {
        let squared: ValueID
        let axes: Int
        let epsilon: Float
    }

    // MARK: d / √(mean(d²) + ε) · γ

    private static func scaled(_ node: NodeID, _ graph: GraphEditor) -> Match? {
        guard graph.isWideFloat(graph.nodes[node].outputs[0]), let product = Factors(of: node, graph), product.number == 1 else { return nil }
        var above = product.above, root: Deviation?
        for (list, isAbove) in [(product.above, true), (product.below, false)] {
            for value in list {
                guard root == nil, let found = deviation(value, isInverse: isAbove, graph) else { continue }
                root = found
                if isAbove { above.removeAll { $0 == value } }
            }
        }
        guard let root, product.below.count + product.above.count == 3, above.count == 2, let index = above.firstIndex(of: root.squared) else { return nil }
        let centred = above[index], gamma = above[1 - index]
        guard let fixed = lastDims(centred, root.axes, graph), isParameter(gamma, fixed, like: centred, graph) else { return nil }
        if let data = data(ofCentred: centred, root.axes, graph) {
            // Reads of the centred value elsewhere would keep it alive.
            guard graph.values[centred].users.allSatisfy({ use in use.node >= 0 }), graph.values[centred].users.count <= 3 else { return nil }
            return Match(data: data, gamma: gamma, dims: fixed, epsilon: root.epsilon, isCentred: true)
        }
        return Match(data: centred, gamma: gamma, dims: fixed, epsilon: root.epsilon, isCentred: false)
    }

    /// What √(mean(d²) + ε), or one divided by it, is the root of.
    private static func deviation(_ value: ValueID, isInverse: Bool, _ graph: GraphEditor) -> Deviation? {
        guard let maker = graph.maker(value), graph.hasOneUse(value) else { return nil }
        switch graph.nodes[maker].kind {
        case .sqrt where !isInverse: break
        case .pow where graph.scalar(graph.input(maker, 1)) == (isInverse ? -0.5 : 0.5): break
        default: return nil
        }
        let inner = graph.nodes[maker].inputs[0]
        guard let add = graph.maker(inner, .add), graph.hasOneUse(inner), let (epsilon, variance) = graph.constantOperand(of: add),
            let number = graph.scalar(epsilon), number >= 0, graph.broadcastsInto(epsilon, variance), let mean = graph.maker(variance, .reduceMean),
            graph.hasOneUse(variance), let axes = lastAxes(of: mean, graph), let squared = root(ofSquare: graph.nodes[mean].inputs[0], graph)
        else { return nil }
        return Deviation(squared: squared, axes: axes, epsilon: Float(number))
    }

    /// x of a square that is read once.
    private static func root(ofSquare value: ValueID, _ graph: GraphEditor) -> ValueID? {
        guard graph.hasOneUse(value), let maker = graph.maker(value) else { return nil }
        let inputs = graph.nodes[maker].inputs
        switch graph.nodes[maker].kind {
        case .mul where inputs.count == 2 && inputs[0] == inputs[1]: return inputs[0]
        case .pow where inputs.count == 2 && graph.scalar(inputs[1]) == 2: return inputs[0]
        default: return nil
        }
    }

    /// x of x - mean(x).
    private static func data(ofCentred value: ValueID, _ axes: Int, _ graph: GraphEditor) -> ValueID? {
        guard let sub = graph.maker(value, .sub), let mean = graph.maker(graph.nodes[sub].inputs[1], .reduceMean), lastAxes(of: mean, graph) == axes,
            graph.nodes[mean].inputs[0] == graph.nodes[sub].inputs[0], graph.haveSameDims(graph.nodes[sub].inputs[0], value)
        else { return nil }
        return graph.nodes[sub].inputs[0]
    }

    // MARK: x · g + (β - mean(x) · g)

    private static func distributed(_ node: NodeID, _ graph: GraphEditor) -> (Match, beta: ValueID)? {
        let inputs = graph.nodes[node].inputs
        guard inputs.count == 2, graph.isWideFloat(graph.nodes[node].outputs[0]) else { return nil }
        for (product, rest) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
            guard let sub = graph.maker(rest, .sub), graph.hasOneUse(rest), let outer = graph.maker(product, .mul), graph.hasOneUse(product),
                let inner = graph.maker(graph.nodes[sub].inputs[1], .mul), graph.hasOneUse(graph.nodes[sub].inputs[1])
            else { continue }
            for (data, gain) in pairs(graph.nodes[outer].inputs) {
                guard let mean = pairs(graph.nodes[inner].inputs).first(where: { $0.1 == gain })?.0, let found = gained(data, mean, gain, graph),
                    isParameter(graph.nodes[sub].inputs[0], found.dims, like: data, graph)
                else { continue }
                return (found, graph.nodes[sub].inputs[0])
            }
        }
        return nil
    }

    private static func pairs(_ inputs: [ValueID]) -> [(ValueID, ValueID)] { inputs.count == 2 ? [(inputs[0], inputs[1]), (inputs[1], inputs[0])] : [] }

    private static func gained(_ data: ValueID, _ mean: ValueID, _ gain: ValueID, _ graph: GraphEditor) -> Match? {
        guard graph.values[gain].users.count == 2, !graph.isOutput(gain), let average = graph.maker(mean, .reduceMean), graph.nodes[average].inputs[0] == data,
            let axes = lastAxes(of: average, graph), let maker = graph.maker(gain), let product = Factors(of: maker, graph), product.number == 1,
            product.above.count + product.below.count == 2
        else { return nil }
        for (gamma, root, isInverse) in [
            (product.above.first, product.above.last, true), (product.above.last, product.above.first, true), (product.above.first, product.below.first, false),
        ] {
            guard let gamma, let root, gamma != root, let found = deviation(root, isInverse: isInverse, graph), found.axes == axes,
                self.data(ofCentred: found.squared, axes, graph) == data, let fixed = lastDims(data, axes, graph), isParameter(gamma, fixed, like: data, graph)
            else { continue }
            return Match(data: data, gamma: gamma, dims: fixed, epsilon: found.epsilon, isCentred: true)
        }
        return nil
    }

    // MARK: parts

    private static func lastDims(_ value: ValueID, _ count: Int, _ graph: GraphEditor) -> [Int]? {
        guard let dims = graph.dims(value), dims.count >= count else { return nil }
        let fixed = dims.suffix(count).compactMap(\.value)
        return fixed.count == count ? fixed : nil
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
        guard let (constant, data) = graph.constantOperand(of: node), data == value, isParameter(constant, dims, like: value, graph) else { return nil }
        return constant
    }

    private static func isParameter(_ value: ValueID, _ dims: [Int], like data: ValueID, _ graph: GraphEditor) -> Bool {
        guard let tensor = graph.constant(value) else { return false }
        return tensor.dims == dims && tensor.elementType == graph.elementType(data)
    }
}
