public import Tensors

extension Model {
    /// Calls `body` with every tensor of the model and its place (see `ModelVisitor.visit(_:at:)`).
    public func forEachTensor<E: Error>(_ body: (Tensor, Place) throws(E) -> Void) throws(E) {
        try withoutActuallyEscaping(body) { (body) throws(E) in
            var visitor = EachTensor(body: body)
            try visit(&visitor)
        }
    }

    /// Calls `body` with every node; those of subgraphs come after the node that holds them.
    public func forEachNode<E: Error>(_ body: (Node, Place) throws(E) -> Void) throws(E) {
        try withoutActuallyEscaping(body) { (body) throws(E) in
            var visitor = EachNode(body: body)
            try visit(&visitor)
        }
    }

    /// Calls `body` with every graph, outer ones first.
    public func forEachGraph<E: Error>(_ body: (Graph, Place) throws(E) -> Void) throws(E) {
        try withoutActuallyEscaping(body) { (body) throws(E) in
            var visitor = EachGraph(body: body)
            try visit(&visitor)
        }
    }

    /// Nodes of all graphs and function bodies.
    public var nodeCount: Int {
        var count = 0
        forEachNode { _, _ in count += 1 }
        return count
    }

    /// Elements of all tensors, wherever they lie; of a sparse tensor those that are stored. Indices do not count.
    public var parameterCount: Int {
        var count = 0
        forEachTensor { tensor, place in
            if place.steps.last != .sparseIndices { count = checkedAdd(count, tensor.elementCount ?? 0) ?? .max }
        }
        return count
    }
}

private struct EachTensor<E: Error>: ModelVisitor {
    typealias Failure = E
    let body: (Tensor, Place) throws(E) -> Void

    mutating func visit(_ tensor: Tensor, at place: Place) throws(E) { try body(tensor, place) }
}

private struct EachNode<E: Error>: ModelVisitor {
    typealias Failure = E
    let body: (Node, Place) throws(E) -> Void

    mutating func enter(_ node: Node, at place: Place) throws(E) { try body(node, place) }
}

private struct EachGraph<E: Error>: ModelVisitor {
    typealias Failure = E
    let body: (Graph, Place) throws(E) -> Void

    mutating func enter(_ graph: Graph, at place: Place) throws(E) { try body(graph, place) }
}
