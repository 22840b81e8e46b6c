public import Tensors

/// Something that looks at the parts of a model; `Model.visit` calls it in the file's order.
///
/// What a visitor does not name is passed over: every requirement has a default that does nothing.
public protocol ModelVisitor {
    /// What it throws to stop the walk; `Never` if it sees everything.
    associatedtype Failure: Error = Never

    /// Before the contents of a graph: the model's own, a training graph or one in an attribute.
    mutating func enter(_ graph: Graph, at place: Place) throws(Failure)
    mutating func leave(_ graph: Graph, at place: Place) throws(Failure)
    mutating func enter(_ function: Function, at place: Place) throws(Failure)
    mutating func leave(_ function: Function, at place: Place) throws(Failure)
    /// Before the attributes of a node.
    mutating func enter(_ node: Node, at place: Place) throws(Failure)
    mutating func visit(_ attribute: Attribute, at place: Place) throws(Failure)
    /// Every tensor: initializers, tensors in attributes, and the values and indices of sparse tensors.
    mutating func visit(_ tensor: Tensor, at place: Place) throws(Failure)
    /// Every sparse tensor, before its values and indices.
    mutating func visit(_ sparse: SparseTensor, at place: Place) throws(Failure)
}

extension ModelVisitor {
    public mutating func enter(_ graph: Graph, at place: Place) throws(Failure) {}
    public mutating func leave(_ graph: Graph, at place: Place) throws(Failure) {}
    public mutating func enter(_ function: Function, at place: Place) throws(Failure) {}
    public mutating func leave(_ function: Function, at place: Place) throws(Failure) {}
    public mutating func enter(_ node: Node, at place: Place) throws(Failure) {}
    public mutating func visit(_ attribute: Attribute, at place: Place) throws(Failure) {}
    public mutating func visit(_ tensor: Tensor, at place: Place) throws(Failure) {}
    public mutating func visit(_ sparse: SparseTensor, at place: Place) throws(Failure) {}
}

extension Model {
    /// How deep graphs may be nested in a model that passes `check`; a walk recurses that deep.
    public static let maximumGraphNesting = 64

    /// Shows `visitor` everything: the graph, the training graphs, then the functions, each in the file's order. Initializers
    /// come before nodes. The stack grows with the nesting of graphs, never with their length.
    public func visit<V: ModelVisitor>(_ visitor: inout V) throws(V.Failure) {
        var walk = Walk(visitor: visitor)
        defer { visitor = walk.visitor }
        try walk.graph(graph)
        for (index, training) in trainingInfo.enumerated() {
            for (part, graph) in [("initialization", training.initialization), ("algorithm", training.algorithm)] {
                guard let graph else { continue }
                walk.place.push(.trainingInfo(index, part: part))
                try walk.graph(graph)
                walk.place.pop()
            }
        }
        for function in functions { try walk.function(function) }
    }
}

private struct Walk<V: ModelVisitor> {
    var visitor: V
    var place = Place()

    mutating func graph(_ graph: Graph) throws(V.Failure) {
        place.push(.graph(graph.name))
        try visitor.enter(graph, at: place)
        for (index, tensor) in graph.initializers.enumerated() { try self.tensor(tensor, at: .initializer(index, tensor.name)) }
        for (index, sparse) in graph.sparseInitializers.enumerated() {
            try self.sparse(sparse, at: .sparseInitializer(index, sparse.values?.name))
        }
        for node in graph.nodes { try self.node(node) }
        try visitor.leave(graph, at: place)
        place.pop()
    }

    mutating func function(_ function: Function) throws(V.Failure) {
        place.push(.function(domain: function.domain, name: function.name, overload: function.overload))
        try visitor.enter(function, at: place)
        for attribute in function.attributeDefaults { try self.attribute(attribute) }
        for node in function.nodes { try self.node(node) }
        try visitor.leave(function, at: place)
        place.pop()
    }

    mutating func node(_ node: Node) throws(V.Failure) {
        place.push(.of(node))
        try visitor.enter(node, at: place)
        for attribute in node.attributes { try self.attribute(attribute) }
        place.pop()
    }

    mutating func attribute(_ attribute: Attribute) throws(V.Failure) {
        place.push(.attribute(attribute.name))
        try visitor.visit(attribute, at: place)
        switch attribute.value {
        case .graph(let graph): try self.graph(graph)
        case .graphs(let graphs):
            for (index, graph) in graphs.enumerated() {
                place.push(.element(index))
                try self.graph(graph)
                place.pop()
             }
        case .tensor(let tensor): try visitor.visit(tensor, at: place)
        case .tensors(let tensors):
            for (index, tensor) in tensors.enumerated() { try self.tensor(tensor, at: .element(index)) }
        case .sparseTensor(let sparse): try parts(of: sparse)
        case .sparseTensors(let sparses):
            for (index, sparse) in sparses.enumerated() { try self.sparse(sparse, at: .element(index)) }
        default: break
        }
        place.pop()
    }

    mutating func tensor(_ tensor: Tensor, at step: Place.Step) throws(V.Failure) {
        place.push(step)
        try visitor.visit(tensor, at: place)
        place.pop()
    }

    mutating func sparse(_ sparse: SparseTensor, at step: Place.Step) throws(V.Failure) {
        place.push(step)
        try parts(of: sparse)
        place.pop()
    }

    mutating func parts(of sparse: SparseTensor) throws(V.Failure) {
        try visitor.visit(sparse, at: place)
        if let values = sparse.values { try tensor(values, at: .sparseValues) }
        if let indices = sparse.indices { try tensor(indices, at: .sparseIndices) }
    }
}
