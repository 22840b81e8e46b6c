import ModelGraph
import Operators
@testable import Simplification
import Tensors
import TestSupport
import Testing

/// What the runner promises whatever a pass does, and what it refuses.
struct RunnerTests {
    private enum LosesInputs: GraphPass {
        static let name = "lose-inputs"
        static let summary = "a mistake"
        static func run(_ graph: GraphEditor, _ log: inout PassLog) { for node in graph.nodes(of: .relu) { graph.setInput(node, 0, -1) } }
    }

    private enum Throws: GraphPass {
        static let name = "give-up"
        static let summary = "a mistake"
        static func run(_ graph: GraphEditor, _ log: inout PassLog) throws { throw ModelError(.internalFault, "no more") }
    }

    private let chain = Model.of([Node("Exp", inputs: ["x"], outputs: ["a"]), Node("Relu", name: "r", inputs: ["a"], outputs: ["y"])])

    @Test func namesThePassThatBreaksAGraph() throws {
        #expect {
            try simplify(chain, options: .init(), passes: [LosesInputs.self])
        } throws: {
            "\($0)".contains("pass 'lose-inputs'") && "\($0)".contains("node 'r' (Relu)") && "\($0)".contains("input 0")
        }
        #expect { try simplify(chain, options: .init(), passes: [Throws.self]) } throws: { "\($0)".contains("pass 'give-up'") && "\($0)".contains("no more") }
    }

    @Test func runsPassesInTheOrderOfTheCode() throws {
        let names = try simplify(chain).report.passes.map(\.name)
        #expect(names == simplificationPasses.map(\.name))
        #expect(names.first == "inline-functions" && names.last == "remove-dead-code")
    }

    // MARK: bad input

    @Test func refusesIllTypedGraphs() throws {
        let types = Model.of([Node("Add", name: "sum", inputs: ["x", "i"], outputs: ["y"])], inputs: ["x": [3], "i": [3]])
        #expect { try simplify(types) } throws: { "\($0)".contains("node 'sum' (Add)") }
        let axis = Model.of([Node("Concat", name: "cat", inputs: ["x", "z"], outputs: ["y"], attributes: [Attribute("axis", .int(7))])], inputs: ["x": [3], "z": [3]])
        #expect { try simplify(axis) } throws: { "\($0)".contains("node 'cat' (Concat)") }
    }

    @Test func refusesCyclesInSubgraphs() throws {
        let branch = Graph(name: "b", nodes: [Node("Add", name: "loop", inputs: ["x", "o"], outputs: ["o"])], outputs: [ValueInfo(name: "o", type: .tensor(.float))])
        let choice = Node("If", inputs: ["b"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))])
        #expect { try simplify(.of([choice], inputs: ["x": [3], "b": []])) } throws: { "\($0)".contains("node 'loop' (Add)") && "\($0)".contains("own output") }
    }

    // MARK: operator sets

    /// Axes become inputs, and what the later set has is recognised.
    @Test func raisesTheOperatorSetWhenAsked() throws {
        let axes = [Attribute("axes", .ints([-1]))]
        let nodes = [
            Node("Unsqueeze", inputs: ["x"], outputs: ["u"], attributes: [Attribute("axes", .ints([0]))]), Node("ReduceMean", inputs: ["u"], outputs: ["m"], attributes: axes), Node("Sub", inputs: ["u", "m"], outputs: ["d"]),
            Node("Mul", inputs: ["d", "d"], outputs: ["q"]), Node("ReduceMean", inputs: ["q"], outputs: ["v"], attributes: axes), Node("Add", inputs: ["v", "e"], outputs: ["w"]), Node("Sqrt", inputs: ["w"], outputs: ["r"]),
            Node("Div", inputs: ["d", "r"], outputs: ["n"]), Node("Mul", inputs: ["n", "g"], outputs: ["s"]), Node("Softmax", inputs: ["s"], outputs: ["p"], attributes: [Attribute("axis", .int(4))]),
            Node("Clip", inputs: ["p"], outputs: ["c"], attributes: [Attribute("max", .float(0.2))]), Node("Sigmoid", inputs: ["c"], outputs: ["t"]), Node("Mul", inputs: ["c", "t"], outputs: ["y"]),
        ]
        let model = Model.of(nodes, [.floats("e", [], [1e-5]), .weights("g", [4])], opset: 10, ir: 3)
        #expect(try model.simplified().operators.count == 13)
        let raised = try simplify(model, options: .init(opset: 24)).model
        #expect(raised.operators == ["Unsqueeze", "LayerNormalization", "Softmax", "Clip", "Swish"])
        #expect(raised.opsetImports.map(\.version) == [24])
        #expect(raised.irVersion ?? 0 >= 11)
        #expect(checkModel(raised).errors == [])
        guard case .tensor(let before)? = try model.outputs().first, case .tensor(let after)? = try raised.outputs().first else { Issue.record("no tensors"); return }
        #expect(zip(try before.elements(as: Float.self), try after.elements(as: Float.self)).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    /// From an axis on as one, in the old sets; over one axis alone in the new ones.
    @Test(arguments: ["Softmax", "LogSoftmax", "Hardmax"], [Int64(0), 1, 2, 3, -1, -2]) func linesOverSeveralAxesStayWhatTheyWere(op: String, axis: Int64) throws {
        for isNested in [false, true] {
            let lines = Node(Name(op), name: "lines", inputs: ["x"], outputs: ["y"], attributes: [Attribute("axis", .int(axis))])
            var branch = Graph(name: "t", nodes: [lines], outputs: [ValueInfo(name: "y", type: .tensor(.float))])
            branch.nodes[0].outputs = ["z"]
            branch.outputs[0].name = "z"
            let choice = Node("If", inputs: ["b"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))])
            let model = isNested ? Model.of([choice], inputs: ["x": [2, -1, 3, 4], "b": []], opset: 11) : Model.of([lines], inputs: ["x": [2, -1, 3, 4]], opset: 11)
            let raised = try simplify(model, options: .init(passes: [], opset: 18)).model
            #expect(raised.opsetImports.map(\.version) == [18] && checkModel(raised).errors == [])
            if !isNested, axis == 3 || axis == -1 { #expect(raised.operators == [op]) }
            guard case .tensor(let before)? = try model.outputs().first, case .tensor(let after)? = try raised.outputs().first else { Issue.record("no tensors"); return }
            #expect(before.dims == after.dims)
            #expect(zip(try before.elements(as: Float.self), try after.elements(as: Float.self)).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test func neverRaisesItUnasked() throws {
        let swish = Model.of([Node("Sigmoid", inputs: ["x"], outputs: ["s"]), Node("Mul", inputs: ["x", "s"], outputs: ["y"])], opset: 23)
        let simple = try simplify(swish).model
        #expect(simple.opsetImports == swish.opsetImports && simple.operators.count == 2)
    }

    @Test func refusesOperatorSetsThatMeanSomethingElse() throws {
        // Another operator that is gone, and one whose attributes went.
        let gone = Model.of([Node("Upsample", inputs: ["x", "s"], outputs: ["y"])], [.floats("s", [4], [1, 1, 2, 2])], opset: 9)
        #expect { try simplify(gone, options: .init(opset: 13)) } throws: { "\($0)".contains("from 9 to 13") && "\($0)".contains("Upsample") }
        #expect { try simplify(chain, options: .init(opset: 7)) } throws: { "\($0)".contains("raised, not lowered") }
        #expect { try simplify(chain, options: .init(opset: 4000)) } throws: { "\($0)".contains("the newest that this version knows") }
    }
}
