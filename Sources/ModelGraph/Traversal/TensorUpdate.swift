public import Tensors

extension Model {
    /// Lets `body` change every tensor in place, in the order of `forEachTensor`. What it has changed stays so if it throws.
    public mutating func updateTensors<E: Error>(_ body: (inout Tensor, Place) throws(E) -> Void) throws(E) {
        var place = Place()
        try update(&graph, at: &place, body)
        for index in trainingInfo.indices {
            if trainingInfo[index].initialization != nil {
                place.push(.trainingInfo(index, part: "initialization"))
                try update(&trainingInfo[index].initialization!, at: &place, body)  // just seen not to be nil
                place.pop()
            }
            if trainingInfo[index].algorithm != nil {
                place.push(.trainingInfo(index, part: "algorithm"))
                try update(&trainingInfo[index].algorithm!, at: &place, body)  // just seen not to be nil
                place.pop()
            }
        }
        for index in functions.indices {
            place.push(.function(domain: functions[index].domain, name: functions[index].name, overload: functions[index].overload))
            for each in functions[index].attributeDefaults.indices { try update(&functions[index].attributeDefaults[each], at: &place, body) }
            for each in functions[index].nodes.indices { try update(&functions[index].nodes[each], at: &place, body) }
            place.pop()
        }
    }
}

private func update<E: Error>(_ graph: inout Graph, at place: inout Place, _ body: (inout Tensor, Place) throws(E) -> Void) throws(E) {
    place.push(.graph(graph.name))
    for index in graph.initializers.indices {
        try update(&graph.initializers[index], at: .initializer(index, graph.initializers[index].name), in: &place, body)
    }
    for index in graph.sparseInitializers.indices {
        place.push(.sparseInitializer(index, graph.sparseInitializers[index].values?.name))
        try update(&graph.sparseInitializers[index], at: &place, body)
        place.pop()
    }
    for index in graph.nodes.indices { try update(&graph.nodes[index], at: &place, body) }
    place.pop()
}

private func update<E: Error>(_ node: inout Node, at place: inout Place, _ body: (inout Tensor, Place) throws(E) -> Void) throws(E) {
    guard node.attributes.contains(where: \.holdsTensors) else { return }
    place.push(.of(node))
    for index in node.attributes.indices { try update(&node.attributes[index], at: &place, body) }
    place.pop()
}

/// The value is taken out while it is changed, so that nothing is copied, and always put back.
private func update<E: Error>(
    _ attribute: inout Attribute, at place: inout Place, _ body: (inout Tensor, Place) throws(E) -> Void
) throws(E) {
    guard attribute.holdsTensors else { return }
    place.push(.attribute(attribute.name))
    let value = attribute.value
    attribute.value = .undefined
    switch consume value {
    case .tensor(var tensor):
        defer { attribute.value = .tensor(tensor) }
        try body(&tensor, place)
    case .tensors(var tensors):
        defer { attribute.value = .tensors(tensors) }
        for index in tensors.indices { try update(&tensors[index], at: .element(index), in: &place, body) }
    case .sparseTensor(var sparse):
        defer { attribute.value = .sparseTensor(sparse) }
        try update(&sparse, at: &place, body)
    case .sparseTensors(var sparses):
        defer { attribute.value = .sparseTensors(sparses) }
        for index in sparses.indices {
            place.push(.element(index))
            try update(&sparses[index], at: &place, body)
            place.pop()
        }
    case .graph(var graph):
        defer { attribute.value = .graph(graph) }
        try update(&graph, at: &place, body)
    case .graphs(var graphs):
        defer { attribute.value = .graphs(graphs) }
        for index in graphs.indices {
            place.push(.element(index))
            try update(&graphs[index], at: &place, body)
            place.pop()
        }
    case let other: attribute.value = other
    }
    place.pop()
}

private func update<E: Error>(_ sparse: inout SparseTensor, at place: inout Place, _ body: (inout Tensor, Place) throws(E) -> Void) throws(E) {
    if sparse.values != nil { try update(&sparse.values!, at: .sparseValues, in: &place, body) }  // just seen not to be nil
    if sparse.indices != nil { try update(&sparse.indices!, at: .sparseIndices, in: &place, body) }  // just seen not to be nil
}

private func update<E: Error>(
    _ tensor: inout Tensor, at step: Place.Step, in place: inout Place, _ body: (inout Tensor, Place) throws(E) -> Void
) throws(E) {
    place.push(step)
    try body(&tensor, place)
    place.pop()
}

extension Attribute {
    var holdsTensors: Bool {
        switch value {
        case .tensor, .tensors, .sparseTensor, .sparseTensors, .graph, .graphs: true
        default: false
        }
    }
}
