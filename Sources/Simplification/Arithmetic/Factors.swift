internal import ModelGraph
internal import Tensors

/// A value as a product: the number that all its constant factors of one element make, times what is left, in numerator and denominator.
///
/// Goes through Mul, Div, Reciprocal and Neg whose results nobody else reads, so that it does not matter in which order an exporter wrote them down.
struct Factors {
    private(set) var number = 1.0
    private(set) var above: [ValueID] = []
    private(set) var below: [ValueID] = []
    /// The nodes that compute the product.
    private(set) var nodes: [NodeID] = []

    /// Of what `node` makes, with at most `limit` factors on either side.
    init?(of node: NodeID, _ graph: GraphEditor, limit: Int = 4) {
        guard [.mul, .div, .reciprocal].contains(graph.nodes[node].kind) else { return nil }
        take(node, isAbove: true, graph)
        var pending = true
        while pending {
            guard above.count <= limit, below.count <= limit else { return nil }
            pending = false
            for (list, isAbove) in [(above, true), (below, false)] {
                for value in list {
                    guard let maker = graph.maker(value), graph.hasOneUse(value), [.mul, .div, .reciprocal].contains(graph.nodes[maker].kind) else { continue }
                    if isAbove { above.removeAll { $0 == value } } else { below.removeAll { $0 == value } }
                    take(maker, isAbove: isAbove, graph)
                    pending = true
                }
            }
        }
    }

    private mutating func take(_ node: NodeID, isAbove: Bool, _ graph: GraphEditor) {
        nodes.append(node)
        let inputs = graph.nodes[node].inputs
        for (index, value) in inputs.enumerated() {
            let isInverse = graph.nodes[node].kind == .reciprocal || graph.nodes[node].kind == .div && index == 1
            if let scalar = graph.scalar(value), scalar != 0, inputs.count < 2 || graph.isScalar(value, beside: inputs[1 - index]) {
                number *= isAbove != isInverse ? scalar : 1 / scalar
            } else if isAbove != isInverse {
                above.append(value)
            } else {
                below.append(value)
            }
        }
    }
}

extension GraphEditor {
    /// True if a constant of one element does not add axes to what it is combined with.
    func isScalar(_ constant: ValueID, beside other: ValueID) -> Bool {
        guard let tensor = self.constant(constant), tensor.elementCount == 1 else { return false }
        return tensor.dims.isEmpty || rank(other).map { $0 >= tensor.dims.count } ?? false
    }
}
