import ModelGraph
import Tensors
import TestSupport
import Testing

/// A tensor in each place that can hold one; its name says where.
private func modelWithTensorsEverywhere() -> Model {
    func tensor(_ name: Name) -> Tensor { .floats(name, [2], [1, 2]) }
    func sparse(_ name: Name) -> SparseTensor { SparseTensor(values: tensor(name), indices: .ints(nil, [2], [0, 1]), dims: [4]) }
    let inner = Graph(name: "inner", nodes: [Node("Constant", outputs: ["c"], attributes: [Attribute("value", .tensor(tensor("in subgraph")))])])
    let nodes = [
        Node(
            "Hold", name: "n", outputs: ["o"],
            attributes: [
                Attribute("one", .tensor(tensor("one"))), Attribute("many", .tensors([tensor("many 0"), tensor("many 1")])),
                Attribute("sparse", .sparseTensor(sparse("sparse"))), Attribute("sparses", .sparseTensors([sparse("sparses 0")])),
                Attribute("body", .graph(inner)), Attribute("bodies", .graphs([inner, inner])), Attribute("number", .int(3)),
            ])
    ]
    let graph = Graph(name: "g", nodes: nodes, initializers: [tensor("w")], sparseInitializers: [sparse("s")])
    let function = Function(
        name: "f", domain: "d", attributeDefaults: [Attribute("a", .tensor(tensor("default")))],
        nodes: [Node("Constant", outputs: ["c"], attributes: [Attribute("value", .tensor(tensor("in function")))])])
    return Model(
        graph: graph,
        trainingInfo: [
            TrainingInfo(initialization: Graph(name: "i", initializers: [tensor("init")]), algorithm: Graph(name: "a", initializers: [tensor("algo")]))
        ], functions: [function])
}

private let expectedNames: [Name] = [
    "w", "s", "one", "many 0", "many 1", "sparse", "sparses 0", "in subgraph", "in subgraph", "in subgraph", "init", "algo", "default", "in function",
]

@Suite struct TraversalTests {
    @Test func reachesTensorsInEveryPlace() {
        var names: [Name] = [], indices = 0
        modelWithTensorsEverywhere().forEachTensor { tensor, place in
            if place.steps.last == .sparseIndices { indices += 1 } else { names.append(tensor.name ?? "") }
        }
        #expect(names == expectedNames)
        #expect(indices == 3)
    }

    @Test func changesTensorsInEveryPlaceAndNothingElse() {
        var model = modelWithTensorsEverywhere(), places: [Place] = [], seen: [Place] = []
        model.forEachTensor { _, place in places.append(place) }
        model.updateTensors { tensor, place in
            seen.append(place)
            tensor.docString = "changed"
        }
        #expect(seen == places)
        model.forEachTensor { tensor, place in #expect(tensor.docString == "changed", "\(place)") }
        model.updateTensors { tensor, _ in tensor.docString = nil }
        #expect(model == modelWithTensorsEverywhere())
    }

    @Test func keepsAttributesWhenAnUpdateThrows() {
        var model = modelWithTensorsEverywhere()
        #expect(throws: ModelError.self) {
            try model.updateTensors { tensor, _ in if tensor.name == "in subgraph" { throw ModelError(.limit, "stop") } }
        }
        #expect(model == modelWithTensorsEverywhere())
    }

    @Test func namesPlacesFromTheOutside() throws {
        var texts: [String] = []
        modelWithTensorsEverywhere().forEachTensor { tensor, place in if tensor.name == "in subgraph" { texts.append(place.description) } }
        #expect(texts[1] == "graph 'g': node 'n' (Hold): attribute 'bodies': element 0: graph 'inner': node that makes 'c' (Constant): attribute 'value'")
    }

    @Test func countsNodesAndParametersOfTheWholeModel() {
        let model = modelWithTensorsEverywhere()
        #expect(model.nodeCount == 5)
        #expect(model.parameterCount == 2 * expectedNames.count)
        var graphs: [Name] = []
        model.forEachGraph { graph, _ in graphs.append(graph.name ?? "") }
        #expect(graphs == ["g", "inner", "inner", "inner", "i", "a"])
    }
}
