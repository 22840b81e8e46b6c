internal import ModelGraph
internal import Operators
internal import Tensors

/// Recognises activations written out in single steps.
///
///     x · HardSigmoid(x; 1/6, 1/2)   becomes   HardSwish(x)      from operator set 14 on
///     x · tanh(softplus(x))          becomes   Mish(x)           from 18 on
///     x · (erf(x / √2) + 1) · 1/2    becomes   Gelu(x)           from 20 on
///     x · sigmoid(x)                 becomes   Swish(x)          from 24 on
///
/// Applies where no step is read elsewhere. Constants must be the ones above to 1e-5. Leaves alone operator sets without the operator.
enum FuseActivations: GraphPass {
    static let name = "fuse-activations"
    static let summary = "the steps of HardSwish, Mish, Gelu and Swish become the operator, where the operator set has it"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard graph.opset >= 14 else { return }
        for node in graph.nodes(of: .mul, .div) where graph.nodes[node].isAlive {
            guard let (kind, data) = match(node, graph) else { continue }
            log.did("\(graph.label(node)) is a \(kind.rawValue)")
            graph.rewrite(node, as: kind, [data])
        }
    }

    private static func match(_ node: NodeID, _ graph: GraphEditor) -> (OperatorKind, ValueID)? {
        let inputs = graph.nodes[node].inputs
        guard inputs.count == 2, inputs.allSatisfy({ $0 >= 0 }) else { return nil }
        if graph.nodes[node].kind == .mul {
            for (data, factor) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
                guard let maker = graph.maker(factor), graph.hasOneUse(factor) else { continue }
                switch graph.nodes[maker].kind {
                case .hardSigmoid where graph.nodes[maker].inputs == [data] && isSixth(maker, graph): return (.hardSwish, data)
                case .sigmoid where graph.nodes[maker].inputs == [data] && graph.opset >= 24: return (.swish, data)
                case .tanh where graph.opset >= 18:
                    if let soft = graph.maker(graph.nodes[maker].inputs[0], .softplus), graph.hasOneUse(graph.nodes[maker].inputs[0]), graph.nodes[soft].inputs == [data] {
                        return (.mish, data)
                    }
                default: break
                }
            }
        }
        return graph.opset >= 20 ? gelu(node, graph).map { (.gelu, $0) } : nil
    }

    private static func isSixth(_ node: NodeID, _ graph: GraphEditor) -> Bool {
        abs((graph.float(node, "alpha") ?? 0.2) - 1 / 6) < 1e-5 && graph.float(node, "beta") ?? 0.5 == 0.5
    }

    /// A product of x, erf(x/√2) + 1 and one half, in any order.
    private static func gelu(_ node: NodeID, _ graph: GraphEditor) -> ValueID? {
        var factors: [ValueID] = [], scale = 1.0, pending = graph.nodes[node].inputs
        if graph.nodes[node].kind == .div {
            guard let divisor = graph.scalar(pending[1]) else { return nil }
            (scale, pending) = (1 / divisor, [pending[0]])
        }
        while let value = pending.popLast() {
            if let number = graph.scalar(value) {
                scale *= number
            } else if let inner = graph.maker(value, .mul), graph.hasOneUse(value), factors.count + pending.count < 3 {
                pending += graph.nodes[inner].inputs
            } else {
                factors.append(value)
            }
        }
        guard abs(scale - 0.5) < 1e-6, factors.count == 2 else { return nil }
        for (data, other) in [(factors[0], factors[1]), (factors[1], factors[0])] {
            guard let add = graph.maker(other, .add), graph.hasOneUse(other), let (one, erf) = graph.constantOperand(of: add), graph.scalar(one) == 1,
                let function = graph.maker(erf, .erf), graph.hasOneUse(erf), let steps = graph.maker(graph.nodes[function].inputs[0]),
                graph.hasOneUse(graph.nodes[function].inputs[0]), let (constant, argument) = graph.constantOperand(of: steps), argument == data,
                let number = graph.scalar(constant)
            else { continue }
            switch graph.nodes[steps].kind {
            case .div where graph.nodes[steps].inputs[0] == data && abs(number - 2.0.squareRoot()) < 1e-5: return data
            case .mul where abs(number - 0.5.squareRoot()) < 1e-5: return data
            default: continue
            }
        }
        return nil
    }
}
