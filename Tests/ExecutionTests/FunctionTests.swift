import Execution
import ModelGraph
import Tensors
import Testing

/// Functions that a model defines.
@Suite struct FunctionTests {
    private func call(_ name: Name, _ inputs: [Name], _ outputs: [Name], _ attributes: [Attribute] = []) -> Node {
        Node(name, domain: "local", inputs: inputs, outputs: outputs, attributes: attributes)
    }

    private func function(_ name: Name, domain: Name = "local", inputs: [Name], outputs: [Name], _ nodes: [Node], defaults: [Attribute] = [], attributes: [Name] = []) -> Function {
        Function(
            name: name, domain: domain, inputs: inputs, outputs: outputs, attributeNames: attributes, attributeDefaults: defaults, nodes: nodes,
            opsetImports: [OpsetImport(version: 21), OpsetImport(domain: "local", version: 1)])
    }

    private func run(_ nodes: [Node], _ functions: [Function], outputs: [Name]) throws -> [Value] {
        try Session(model(Graph(nodes: nodes, inputs: [info("x")], outputs: outputs.map { info($0) }), functions: functions)).run(["x": floats([1])])
    }

    @Test func attributesReachTheBody() throws {
        let constant = Node("Constant", outputs: ["o"], attributes: [Attribute("value", .undefined, referenceName: "given")])
        let inBranch = Node("If", inputs: ["c"], outputs: ["o"], attributes: ["then_branch", "else_branch"].map {
            Attribute($0, .graph(Graph(nodes: [Node("Constant", outputs: ["p"], attributes: [Attribute("value", .undefined, referenceName: "given")])], outputs: [info("p")])))
        })
        let defaults = [Attribute("given", .tensor(tensor([7])))]
        let functions = [
            function("Plain", inputs: [], outputs: ["o"], [constant], attributes: ["given"]),
            function("Standard", inputs: [], outputs: ["o"], [constant], defaults: defaults),
            function("Nested", inputs: ["c"], outputs: ["o"], [inBranch], attributes: ["given"]),
        ]
        let eight = [Attribute("given", .tensor(tensor([8])))], nine = [Attribute("given", .tensor(tensor([9])))]
        let outputs = try run(
            [
                call("Plain", [], ["a"], eight), call("Plain", [], ["b"], nine), call("Standard", [], ["c"]), call("Standard", [], ["d"], nine),
                Node("Constant", outputs: ["yes"], attributes: [Attribute("value", .tensor(truth(true)))]), call("Nested", ["yes"], ["e"], eight),
            ], functions, outputs: ["a", "b", "c", "d", "e"])
        #expect(try outputs.map { try $0.floats } == [[8], [9], [7], [9], [8]])
    }

    @Test func bodiesDoNotSeeTheGraphAround() throws {
        let error = #expect(throws: ModelError.self) {
            try run([call("F", [], ["y"])], [function("F", inputs: [], outputs: ["o"], [identity("x", "o")])], outputs: ["y"])
        }
        #expect(error?.description.contains("reads 'x', which nothing makes") == true, "\(String(describing: error))")
    }

    @Test func theyComeBeforeOperatorsOfTheSameName() throws {
        let mine = function("Loop", domain: "", inputs: ["a", "b"], outputs: ["o"], [identity("b", "o")])
        #expect(try run([Node("Loop", inputs: ["", "x"], outputs: ["y"])], [mine], outputs: ["y"]) == [floats([1])])
    }

    @Test func recursionIsRefused() throws {
        let functions = [
            function("F", inputs: ["a"], outputs: ["o"], [call("G", ["a"], ["o"])]), function("G", inputs: ["a"], outputs: ["o"], [call("F", ["a"], ["o"])]),
        ]
        let error = #expect(throws: ModelError.self) { try run([call("F", ["x"], ["y"])], functions, outputs: ["y"]) }
        #expect(error?.code == .limit)
    }

    @Test func callsThatMultiplyAreStopped() throws {
        // Each calls the next twice: 2^60 nodes if they were all written out.
        let functions = (0..<60).map { level in
            let next = Name("F\(level + 1)")
            let body = level == 59 ? [identity("a", "o")] : [call(next, ["a"], ["m"]), call(next, ["m"], ["o"])]
            return function(Name("F\(level)"), inputs: ["a"], outputs: ["o"], body)
        }
        let graph = Graph(nodes: [call("F0", ["x"], ["y"])], inputs: [info("x")], outputs: [info("y")])
        // Refused before anything runs, and before time is spent on 2^60 calls.
        let error = #expect(throws: ModelError.self) { try Session(model(graph, functions: functions), options: .init(maximumTrips: 10_000)) }
        #expect(error?.code == .limit)
    }

    @Test func inputsMayBeLeftOut() throws {
        let functions = [function("F", inputs: ["a", "b"], outputs: ["o", "p"], [identity("a", "o")])]
        let error = #expect(throws: ModelError.self) { try run([call("F", ["x"], ["y", "z"])], functions, outputs: ["y"]) }
        #expect(error?.description.contains("output 'p' is made by no node") == true, "\(String(describing: error))")
        let fine = [function("F", inputs: ["a", "b"], outputs: ["o", "a"], [identity("a", "o")])]
        #expect(try run([call("F", ["x"], ["y"])], fine, outputs: ["y"]) == [floats([1])])
    }
}
