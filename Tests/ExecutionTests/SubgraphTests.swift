import Execution
import ModelGraph
import Tensors
import Testing

/// Control flow: scopes, trips, limits.
@Suite struct SubgraphTests {
    private func branch(_ output: Name, _ nodes: [Node] = []) -> Graph { Graph(nodes: nodes, outputs: [info(output)]) }

    @Test(arguments: [true, false]) func aBranchSeesTheValuesAround(condition: Bool) throws {
        // Two levels up, through a graph that does not read the value itself.
        let inner = Node("If", inputs: ["c"], outputs: ["r"], attributes: [
            Attribute("then_branch", .graph(branch("t", [identity("a", "t")]))), Attribute("else_branch", .graph(branch("b"))),
        ])
        let outer = Node("If", inputs: ["yes"], outputs: ["y"], attributes: [
            Attribute("then_branch", .graph(branch("r", [inner]))), Attribute("else_branch", .graph(branch("a"))),
        ])
        let graph = Graph(
            nodes: [outer, identity("x", "a")], inputs: [info("x"), info("b"), info("c", .tensor(.bool))], outputs: [info("y")],
            initializers: [truth(true, name: "yes")])
        let outputs = try Session(model(graph)).run(["x": floats([1]), "b": floats([2]), "c": .tensor(truth(condition))])
        #expect(outputs == [floats([condition ? 1 : 2])])
    }

    /// A loop whose body gives back its condition and its carried value, and collects it.
    private func loop(trips: Tensor?, condition: Tensor?) -> Graph {
        let body = Graph(
            nodes: [identity("go", "goes"), identity("v", "w"), identity("v", "collected")],
            inputs: [info("i", .tensor(.int64)), info("go", .tensor(.bool)), info("v")],
            outputs: [info("goes", .tensor(.bool)), info("w"), info("collected", .tensor(.float, [3]))])
        let node = Node("Loop", name: "loop", inputs: [trips == nil ? "" : "m", condition == nil ? "" : "c", "x"], outputs: ["y", "all"], attributes: [Attribute("body", .graph(body))])
        let constants = [trips.map { ("m" as Name, $0) }, condition.map { ("c", $0) }].compactMap(\.self).map { name, tensor in
            var tensor = tensor
            tensor.name = name
            return tensor
        }
        return Graph(nodes: [node], inputs: [info("x")], outputs: [info("y"), info("all")], initializers: constants)
    }

    @Test func aLoopStacksWhatItCollects() throws {
        let outputs = try Session(model(loop(trips: ints([2], dims: []), condition: nil))).run(["x": floats([1, 2, 3])])
        #expect(outputs == [floats([1, 2, 3]), floats([1, 2, 3, 1, 2, 3], dims: [2, 3])])
    }

    @Test(arguments: [(ints([0], dims: []), true), (ints([9], dims: []), false), (ints([-4], dims: []), true)])
    func aLoopOfNoTripsCollectsNothing(trips: Tensor, condition: Bool) throws {
        let outputs = try Session(model(loop(trips: trips, condition: truth(condition)))).run(["x": floats([1, 2, 3])])
        #expect(outputs == [floats([1, 2, 3]), floats([], dims: [0, 3])])
    }

    @Test func aLoopThatWouldNeverEndIsStopped() throws {
        let session = try Session(model(loop(trips: nil, condition: nil)), options: .init(maximumTrips: 1000))
        let error = #expect(throws: ModelError.self) { try session.run(["x": floats([1])]) }
        #expect(error?.code == .limit)
        #expect(error?.description.hasPrefix("node 'loop' (Loop): the loops of this run made more than 1000 trips") == true, "\(String(describing: error))")
    }

    @Test func aLoopThatCollectsWithoutEndIsStopped() throws {
        let session = try Session(model(loop(trips: nil, condition: nil)), options: .init(maximumTensorBytes: 4000))
        let error = #expect(throws: ModelError.self) { try session.run(["x": floats([1, 2, 3, 4])]) }
        #expect(error?.code == .limit)
        #expect(error?.description.contains("the limit is 4.00 kB") == true, "\(String(describing: error))")
    }

    @Test func scanWalksForwardsAndBackwards() throws {
        let body = Graph(nodes: [identity("s", "s2"), identity("e", "o")], inputs: [info("s"), info("e")], outputs: [info("s2"), info("o")])
        let node = Node("Scan", inputs: ["s0", "x"], outputs: ["last", "all"], attributes: [
            Attribute("body", .graph(body)), Attribute("num_scan_inputs", .int(1)), Attribute("scan_input_axes", .ints([-1])),
            Attribute("scan_input_directions", .ints([1])), Attribute("scan_output_axes", .ints([1])),
        ])
        let graph = Graph(nodes: [node], inputs: [info("s0"), info("x")], outputs: [info("last"), info("all")])
        let outputs = try Session(model(graph)).run(["s0": floats([9]), "x": floats([1, 2, 3, 4, 5, 6], dims: [2, 3])])
        #expect(outputs == [floats([9]), floats([3, 2, 1, 6, 5, 4], dims: [2, 3])])
    }

    @Test func deepNestingIsRefusedOrDone() throws {
        func nested(_ depth: Int) -> Graph {
            var graph = branch("x")
            for level in 0..<depth {
                let name = Name("r\(level)")
                graph = branch(name, [Node("If", inputs: ["yes"], outputs: [name], attributes: [Attribute("then_branch", .graph(graph)), Attribute("else_branch", .graph(branch("x")))])])
            }
            graph.inputs = [info("x")]
            graph.initializers = [truth(true, name: "yes")]
            return graph
        }
        #expect(try Session(model(nested(64))).run(["x": floats([4])]) == [floats([4])])
        let error = #expect(throws: ModelError.self) { try Session(model(nested(200))) }
        #expect(error?.code == .limit)
    }
}
