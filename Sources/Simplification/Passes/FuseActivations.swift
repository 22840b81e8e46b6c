internal import ModelGraph
internal import Operators
internal import Tensors

/// Recognises activations written out in single steps.
///
///     x · clip(x + 3; 0, 6) / 6, x · HardSigmoid(x)  becomes   HardSwish(x)              from operator set 14 on
///     x · tanh(softplus(x))                          becomes   Mish(x)                   from 18 on
///     x · (erf(x / √2) + 1) / 2                      becomes   Gelu(x)                   from 20 on
///     x · (tanh(√(2/π) · (x + 0.044715 · x³)) + 1) / 2   becomes   Gelu(x; tanh)         from 20 on
///     x · sigmoid(α · x)                             becomes   Swish(x; α)               from 24 on
///
/// Factors may stand in any order, divisions be products, and x³ be a power or products. Applies where no step is read elsewhere. Constants must be the ones
/// above to 1e-5. Leaves alone operator sets without the operator, types whose rounding the steps would show, and HardSigmoid by itself: it rounds in another
/// order, which a network of many (selfie-segmentation of the corpus) amplifies beyond 1e-5.
enum FuseActivations: GraphPass {
    static let name = "fuse-activations"
    static let summary = "the steps of HardSwish, Mish, Gelu and Swish become the operator, where the operator set has it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .mul, .div) where graph.nodes[node].isAlive && graph.nodes[node].opset >= 7 {
            guard let found = match(node, graph) else { continue }
            log.did("\(graph.label(node)) is a \(found.kind.rawValue)")
            graph.rewrite(node, as: found.kind, [found.data], found.attributes)
        }
    }

    private struct Match {
        let kind: OperatorKind
        let data: ValueID
        var attributes: [Attribute] = []
    }

    private static func match(_ node: NodeID, _ graph: GraphEditor) -> Match? {
        // Other types would show the rounding of each step; within a function types may not be known.
        let type = graph.elementType(graph.nodes[node].outputs[0])
        guard type == .float || type == nil && graph.setting.isFunction, let product = Factors(of: node, graph), product.below.isEmpty else { return nil }
        guard product.above.count == 2, product.above[0] != product.above[1] else { return nil }
        for (data, other) in [(product.above[0], product.above[1]), (product.above[1], product.above[0])] {
            guard let maker = graph.maker(other), graph.hasOneUse(other), let found = gate(maker, other, data, product.number, graph) else { continue }
            return found
        }
        return nil
    }

    /// What x times `number` times the value that `maker` makes is.
    private static func gate(_ maker: NodeID, _ value: ValueID, _ data: ValueID, _ number: Double, _ graph: GraphEditor) -> Match? {
        let record = graph.nodes[maker]
        switch record.kind {
        case .hardSigmoid where graph.opset >= 14 && isNear(number, 1) && record.inputs == [data] && isSixth(maker, graph): return Match(kind: .hardSwish, data: data)
        case .clip where graph.opset >= 14 && isNear(number, 1.0 / 6) && shiftedClip(value, graph) == data: return Match(kind: .hardSwish, data: data)
        case .sigmoid where graph.opset >= 24 && isNear(number, 1):
            if record.inputs == [data] { return Match(kind: .swish, data: data) }
            guard let argument = graph.maker(record.inputs[0]), graph.hasOneUse(record.inputs[0]), let scaled = Factors(of: argument, graph), scaled.above == [data],
                scaled.below.isEmpty
            else { return nil }
            return Match(kind: .swish, data: data, attributes: [Attribute("alpha", .float(Float(scaled.number)))])
        case .tanh where graph.opset >= 18 && isNear(number, 1):
            guard let soft = graph.maker(record.inputs[0], .softplus), graph.hasOneUse(record.inputs[0]), graph.nodes[soft].inputs == [data] else { return nil }
            return Match(kind: .mish, data: data)
        case .add where graph.opset >= 20 && isNear(number, 0.5): return gelu(maker, data, graph)
        default: return nil
        }
    }

    private static func isNear(_ number: Double, _ wanted: Double) -> Bool { abs(number - wanted) <= 1e-5 * wanted }

    private static func isSixth(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        abs((graph.float(node, "alpha") ?? 0.2) - 1 / 6) < 1e-5 && graph.float(node, "beta") ?? 0.5 == 0.5
    }

    /// The x of clip(x + 3; 0, 6).
    private static func shiftedClip(_ value: ValueID, _ graph: GraphEditor) -> ValueID? {
        guard let clip = graph.maker(value, .clip), graph.hasOneUse(value), let add = graph.maker(graph.nodes[clip].inputs[0], .add),
            graph.hasOneUse(graph.nodes[clip].inputs[0]), let (three, data) = graph.constantOperand(of: add), graph.scalar(three) == 3,
            graph.isScalar(three, beside: data)
        else { return nil }
        let bounds = graph.nodes[clip].opset < 11
            ? [graph.float(clip, "min").map { Double($0) }, graph.float(clip, "max").map { Double($0) }] : [graph.scalar(graph.input(clip, 1)), graph.scalar(graph.input(clip, 2))]
        return bounds == [0, 6] ? data : nil
    }

    /// A Gelu of `data` if `add` is erf(x/√2) + 1, or the same with the tanh that comes near it (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
    private static func gelu(_ add: NodeID, _ data: ValueID, _ graph: GraphEditor) -> Match? {
        guard let (one, value) = graph.constantOperand(of: add), graph.scalar(one) == 1, graph.isScalar(one, beside: value), let function = graph.maker(value),
            graph.hasOneUse(value), let argument = graph.nodes[function].inputs.first, let steps = graph.maker(argument), graph.hasOneUse(argument),
            let inner = Factors(of: steps, graph), inner.below.isEmpty
        else { return nil }
        switch graph.nodes[function].kind {
        case .erf: return inner.above == [data] && isNear(inner.number, 0.5.squareRoot()) ? Match(kind: .gelu, data: data) : nil
        case .tanh:
            guard isNear(inner.number, (2 / Double.pi).squareRoot()), isCubic(inner.above, data, graph) else { return nil }
            return Match(kind: .gelu, data: data, attributes: [Attribute("approximate", .string(Array("tanh".utf8)))])
        default: return nil
        }
    }

    /// x + 0.044715 · x³, or x · (1 + 0.044715 · x²).
    private static func isCubic(_ factors: [ValueID], _ data: ValueID, _ graph: GraphEditor) -> Bool {
        let others = factors.filter { $0 != data }
        guard others.count == 1, factors.count <= 2, let add = graph.maker(others[0], .add), graph.hasOneUse(others[0]) else { return false }
        let inputs = graph.nodes[add].inputs
        if factors.count == 1 { return inputs.contains(data) && inputs.contains { power($0, of: data, graph) == 3 } }
        guard let (one, square) = graph.constantOperand(of: add), graph.scalar(one) == 1, graph.isScalar(one, beside: square) else { return false }
        return power(square, of: data, graph) == 2
    }

    /// n, if `value` is 0.044715 · xⁿ.
    private static func power(_ value: ValueID, of data: ValueID, _ graph: GraphEditor) -> Int? {
        guard let maker = graph.maker(value), graph.hasOneUse(value), let product = Factors(of: maker, graph), product.below.isEmpty, isNear(product.number, 0.044715) else { return nil }
        var power = 0
        for factor in product.above {
            if factor == data {
                power += 1
            } else if let pow = graph.maker(factor, .pow), graph.hasOneUse(factor), graph.nodes[pow].inputs[0] == data, let exponent = graph.scalar(graph.nodes[pow].inputs[1]),
                let whole = Int(exactly: exponent)
            {
                power += whole
            } else {
                return nil
            }
        }
        return power
    }
}
