import Execution
import ModelGraph
import Tensors
import TestSupport
import Testing

/// Order, names and constants of the main graph.
@Suite struct SessionTests {
    @Test func runsNodesInAnOrderThatCanBeDone() throws {
        let graph = Graph(nodes: [identity("b", "c"), identity("a", "b"), identity("x", "a")], inputs: [info("x")], outputs: [info("c")])
        #expect(try Session(model(graph)).run(["x": floats([1, 2])]) == [floats([1, 2])])
    }

    @Test func refusesACycle() throws {
        let graph = Graph(nodes: [identity("x", "a"), identity("c", "b"), identity("b", "c")], inputs: [info("x")], outputs: [info("c")])
        let error = #expect(throws: ModelError.self) { try Session(model(graph)) }
        #expect(error?.description.contains("node 'copy b' (Identity): waits for a value that is made of its own output") == true, "\(String(describing: error))")
    }

    @Test(arguments: [
        (Graph(nodes: [identity("nowhere", "y")], outputs: [info("y")]), "node 'copy y' (Identity): reads 'nowhere', which nothing makes"),
        (Graph(nodes: [identity("x", "y")], inputs: [info("x")], outputs: [info("z")]), "output 'z' is made by no node"),
        (Graph(nodes: [identity("x", "y"), identity("x", "y")], inputs: [info("x")], outputs: [info("y")]), "makes 'y', which there is already"),
        (Graph(nodes: [identity("x", "x")], inputs: [info("x")], outputs: [info("x")]), "makes 'x', which there is already"),
    ])
    func refusesGraphsThatCannotBeDone(graph: Graph, words: String) throws {
        let error = #expect(throws: ModelError.self) { try Session(model(graph)) }
        #expect(error?.code == .invalidGraph)
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    /// A domain and an operator's name are not one name, whichever node comes first.
    @Test(arguments: [false, true]) func tellsDomainsFromNames(comesFirst: Bool) throws {
        let gelu = Node("Gelu", domain: "com.microsoft", inputs: ["x"], outputs: ["y"]), other = Node("com.microsoft:Gelu", inputs: ["x"], outputs: ["z"])
        func model(_ nodes: [Node]) -> Model {
            let graph = Graph(nodes: nodes, inputs: [info("x", .tensor(.float, [2]))], outputs: nodes.map { info($0.outputs[0]) })
            return Model(irVersion: 10, opsetImports: [OpsetImport(version: 21), OpsetImport(domain: "com.microsoft", version: 1)], graph: graph)
        }
        _ = try Session(model([gelu]))
        let error = #expect(throws: ModelError.self) { try Session(model(comesFirst ? [other, gelu] : [gelu, other])) }
        #expect(error?.message.hasPrefix("1 operator is not supported: com.microsoft:Gelu (node 'z', opset 21)") == true, "\(String(describing: error))")
    }

    @Test func namesAllUnsupportedOperatorsAtOnce() throws {
        let inner = Graph(nodes: [Node("Inside", inputs: [], outputs: ["i"])], outputs: [info("i")])
        let branches = ["then_branch", "else_branch"].map { Attribute(Name($0), .graph(inner)) }
        let graph = Graph(
            nodes: [
                Node("Nothing", name: "one", outputs: ["a"]), Node("Nothing", outputs: ["b"]), Node("Other", domain: "elsewhere", outputs: ["c"]),
                Node("If", inputs: ["a"], outputs: ["d"], attributes: branches),
            ], outputs: [info("d")])
        let error = #expect(throws: ModelError.self) { try Session(model(graph)) }
        #expect(error?.code == .unsupported)
        #expect(error?.message == """
            3 operators are not supported: Nothing (node 'one' and 1 more, opset 21), elsewhere.Other (node 'c', opset 1), \
            Inside (node 'i' and 1 more, opset 21)
            """)
    }

    @Test(arguments: [
        (["imag": floats([1])] as [Name: Value], "the model has no input 'imag'; did you mean 'image'? It has 'image', 'mask'"),
        (["mask": floats([1])], "input 'image' (FLOAT[n, 2]) is missing"),
        (["image": .tensor(ints([1, 2], dims: [1, 2]))], "input 'image': is INT64[1, 2], the model takes FLOAT[n, 2]"),
        (["image": floats([1, 2])], "input 'image': has dims [2], the model takes [n, 2]: 2 of them"),
        (["image": floats([1, 2, 3], dims: [1, 3])], "input 'image': has dims [1, 3], the model takes [n, 2]: axis 1 is 3, 2 is needed"),
        (["image": .sequence([])], "input 'image': is a sequence of 0, the model takes FLOAT[n, 2]"),
    ])
    func refusesInputsThatTheModelDoesNotTake(inputs: [Name: Value], words: String) throws {
        let shape = Shape([Dimension(.symbol("n")), Dimension(.value(2))])
        let graph = Graph(
            nodes: [identity("image", "o")], inputs: [info("image", .tensor(.float, shape)), info("mask")], outputs: [info("o")],
            initializers: [tensor([0], name: "mask")])
        let session = try Session(model(graph))
        var given = inputs
        if given["imag"] != nil { given["image"] = floats([1, 2], dims: [1, 2]) }
        let error = #expect(throws: ModelError.self) { try session.run(given) }
        #expect(error?.code == .badArgument)
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test func initializersThatAreInputsMayBeReplaced() throws {
        let graph = Graph(nodes: [identity("w", "y")], inputs: [info("w")], outputs: [info("y"), info("k")], initializers: [tensor([1], name: "w"), tensor([5], name: "k")])
        let session = try Session(model(graph))
        #expect(session.inputs.isEmpty && session.optionalInputs.map(\.name) == ["w"])
        #expect(try session.run([:] as [Name: Value]) == [floats([1]), floats([5])])
        #expect(try session.run(["w": floats([2])]) == [floats([2]), floats([5])])
        #expect(throws: ModelError.self) { try session.run(["k": floats([2])]) }
    }

    @Test func sparseInitializersAreFilledUp() throws {
        let sparse = SparseTensor(values: tensor([7, 8], name: "s"), indices: ints([1, 5]), dims: [2, 3])
        let session = try Session(model(Graph(outputs: [info("s")], sparseInitializers: [sparse])))
        #expect(try session.run([:] as [Name: Value]) == [floats([0, 7, 0, 0, 0, 8], dims: [2, 3])])
    }

    @Test(arguments: [
        (ints([5, 1]), [2, 3], "do not ascend"), (ints([1, 6]), [2, 3], "index 6 of a sparse tensor lies outside of 0 to 5"), (ints([-1, 1]), [2, 3], "index -1"),
        (ints([1]), [2, 3], "have indices"), (ints([1, 2]), [1 << 24, 1 << 20], "is larger than the limit of 1.00 MB"),
    ])
    func refusesSparseInitializersThatCannotBeFilledUp(indices: Tensor, dims: [Int], words: String) throws {
        let sparse = SparseTensor(values: tensor([7, 8], name: "s"), indices: indices, dims: dims)
        let session = try Session(model(Graph(outputs: [info("s")], sparseInitializers: [sparse])), options: .init(maximumTensorBytes: 1_000_000))
        let error = #expect(throws: ModelError.self) { try session.run([:] as [Name: Value]) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test func manyThreadsShareASession() throws {
        let nodes = (0..<50).map { identity(Name("v\($0)"), Name("v\($0 + 1)")) }
        let graph = Graph(nodes: nodes, inputs: [info("v0")], outputs: [info("v50"), info("w")], initializers: [tensor([3], name: "w")])
        let session = try Session(model(graph))
        try concurrently(200, threads: 4) { index in
            let outputs = try session.run(["v0": floats([Float(index)])])
            guard outputs == [floats([Float(index)]), floats([3])] else { throw Failure("run \(index) gave \(outputs)") }
        }
    }

    @Test func observersSeeEachNode() throws {
        final class Names: RunObserver, @unchecked Sendable {
            var seen: [Name] = []
            func ran(_ node: Node, outputs: [Value?], seconds: Double) { seen += node.outputs }
        }
        let names = Names()
        let graph = Graph(nodes: [identity("x", "a"), identity("a", "b")], inputs: [info("x")], outputs: [info("b")])
        _ = try Session(model(graph)).run(["x": floats([1])], observer: names)
        #expect(names.seen == ["a", "b"])
    }
}
