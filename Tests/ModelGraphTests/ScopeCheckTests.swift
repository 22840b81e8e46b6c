import ModelGraph
import Tensors
import TestSupport
import Testing

@Suite struct ScopeCheckTests {
    private func errors(_ nodes: [Node], _ change: (inout Model) -> Void = { _ in }) -> [String] {
        Model.small { $0.graph.nodes = nodes; change(&$0) }.check().errors
    }

    private func branch(_ nodes: [Node], output: Name = "p", inputs: [ValueInfo] = []) -> Attribute {
        Attribute("then_branch", .graph(Graph(name: "b", nodes: nodes, inputs: inputs, outputs: [ValueInfo(name: output, type: nil)])))
    }

    @Test func refusesAValueThatIsWrittenTwice() {
        let found = errors([Node("Relu", name: "a", inputs: ["x"], outputs: ["y"]), Node("Relu", name: "b", inputs: ["x"], outputs: ["y"])])
        #expect(found == ["graph 'g': node 'b' (Relu): writes 'y', which is an output of node 'a' (Relu) already; a value is written once"])
        #expect(errors([Node("Relu", inputs: ["x"], outputs: ["w"]), Node("Relu", inputs: ["w"], outputs: ["y"])]).first?.contains("an initializer") == true)
        #expect(errors([Node("Split", inputs: ["x"], outputs: ["y", "y"])]).count == 1)
    }

    @Test func refusesInputsAndInitializersTwice() {
        #expect(Model.small { $0.graph.inputs.append($0.graph.inputs[0]) }.check().errors == ["graph 'g': input 'x' is there twice, names of values must differ; which one is meant is unclear"])
        #expect(Model.small { $0.graph.initializers.append($0.graph.initializers[0]) }.check().errors.count == 1)
        let sparse = SparseTensor(values: .floats("w", [1], [1]), indices: .ints(nil, [1], [0]), dims: [4])
        #expect(Model.small { $0.graph.sparseInitializers.append(sparse) }.check().errors.count == 1)
    }

    @Test func acceptsInitializersThatAreInputs() {
        let model = Model.small { $0.irVersion = 3; $0.graph.inputs.append(ValueInfo(name: "w", type: .tensor(.float, [4, 4]))) }
        #expect(model.check() == [])
        #expect(Model.small { $0.irVersion = 3 }.check().warnings.first?.contains("not listed as input") == true)
    }

    @Test func refusesReadingWhatNothingProduces() {
        #expect(Model.small { $0.graph.initializers = [] }.check().errors.first?.hasPrefix("graph 'g': node 'mm' (MatMul): reads 'w', which nothing produces") == true)
    }

    @Test func refusesOutputsThatAreNeverProduced() {
        #expect(errors([]).first?.contains("graph output 'y' is never produced") == true)
        #expect(Model.small { $0.graph.nodes = []; $0.graph.outputs[0].name = "x" }.check() == [])
        #expect(Model.small { $0.graph.nodes = []; $0.graph.outputs[0].name = "w" }.check() == [])
    }

    @Test func namesTheValuesOfACycle() {
        let nodes = [Node("Relu", inputs: ["x"], outputs: ["y"]), Node("Add", inputs: ["x", "b"], outputs: ["a"]), Node("Relu", inputs: ["a"], outputs: ["b"])]
        #expect(errors(nodes) == ["graph 'g': cycle through 'a', 'b': no order of the nodes can compute them; export the model again"])
        #expect(errors([Node("Add", name: "n", inputs: ["x", "y"], outputs: ["y"])]) == ["graph 'g': node 'n' (Add): reads its own output 'y'; no value can depend on itself"])
    }

    @Test func seesACycleThroughASubgraph() {
        let held = Node("If", inputs: ["x"], outputs: ["t"], attributes: [branch([Node("Relu", inputs: ["y"], outputs: ["p"])])])
        #expect(errors([held, Node("Relu", inputs: ["t"], outputs: ["y"])]).first?.contains("cycle through 't', 'y'") == true)
    }

    @Test func warnsOfNodesOutOfOrder() {
        let nodes = [Node("Relu", name: "late", inputs: ["a"], outputs: ["y"]), Node("Relu", inputs: ["x"], outputs: ["a"])]
        let found = Model.small { $0.graph.nodes = nodes }.check()
        #expect(found.errors == [])
        #expect(found.warnings.count == 1)
        #expect(found.warnings[0].contains("node 'late' (Relu) reads 'a' before it is written"))
    }

    @Test func warnsOfASubgraphThatReadsALaterValue() {
        let held = Node("If", name: "if", inputs: ["x"], outputs: ["y"], attributes: [branch([Node("Relu", inputs: ["late"], outputs: ["p"])])])
        let found = Model.small { $0.graph.nodes = [held, Node("Relu", inputs: ["x"], outputs: ["late"])] }.check()
        #expect(found.errors == [])
        #expect(found.warnings.first?.contains("node 'if' (If) reads 'late'") == true)
    }

    @Test func letsSubgraphsSeeOuterValuesAndSiblingsUseOneName() {
        let one = branch([Node("Relu", inputs: ["x"], outputs: ["p"])])
        var two = one
        two.name = "else_branch"
        #expect(Model.small { $0.graph.nodes = [Node("If", inputs: ["x"], outputs: ["y"], attributes: [one, two])] }.check() == [])
    }

    @Test func hidesTheValuesOfASubgraphFromOutside() {
        let held = Node("If", inputs: ["x"], outputs: ["t"], attributes: [branch([Node("Relu", inputs: ["x"], outputs: ["p"])])])
        #expect(errors([held, Node("Add", inputs: ["t", "p"], outputs: ["y"])]).first?.contains("reads 'p', which nothing produces") == true)
    }

    @Test func refusesASubgraphThatTakesAnOuterName() {
        let held = Node("If", inputs: ["x"], outputs: ["y"], attributes: [branch([Node("Relu", inputs: ["x"], outputs: ["x"])], output: "x")])
        #expect(errors([held]).first?.contains("output 'x' has the name of a value of a graph around this one") == true)
        let loop = Node("Loop", inputs: ["x"], outputs: ["y"], attributes: [branch([Node("Relu", inputs: ["w"], outputs: ["p"])], inputs: [ValueInfo(name: "w", type: nil)])])
        #expect(errors([loop]).first?.contains("input 'w' has the name of a value") == true)
    }

    @Test func keepsNamesThatDifferOnlyInNormalisation() {
        let nodes = [Node("Relu", inputs: ["x"], outputs: ["\u{e9}"]), Node("Relu", inputs: ["x"], outputs: ["e\u{301}"]), Node("Add", inputs: ["\u{e9}", "e\u{301}"], outputs: ["y"])]
        #expect(errors(nodes) == [])
    }

    @Test func letsTrainingGraphsSeeTheModel() {
        func model(_ read: Name) -> Model {
            .small {
                let node = Node("Neg", inputs: [read], outputs: ["n"])
                $0.trainingInfo = [TrainingInfo(algorithm: Graph(name: "t", nodes: [node], outputs: [ValueInfo(name: "n", type: nil)]))]
            }
        }
        #expect(model("w").check().errors == [])
        #expect(model("nowhere").check().errors.count == 1)
    }

    @Test func checksLongChainsInLinearTime() {
        func seconds(_ count: Int) -> Duration {
            let nodes = (0..<count).map { Node("Identity", inputs: [$0 == 0 ? "x" : Name("v\($0)")], outputs: [Name("v\($0 + 1)")]) }
            let model = Model.small { $0.graph.nodes = nodes; $0.graph.outputs[0].name = Name("v\(count)") }
            let clock = ContinuousClock()
            return clock.measure { #expect(model.check() == []) }
        }
        let small = seconds(20_000), large = seconds(200_000)
        // Ten times the nodes; a quadratic check would need a hundred times as long.
        #expect(large < small * 40 + .milliseconds(200))
    }

    @Test func findsACycleInALongChain() {
        let count = 100_000
        let nodes = (0..<count).map { Node("Identity", inputs: [Name("v\(($0 + count - 1) % count)")], outputs: [Name("v\($0)")]) }
        let found = Model.small { $0.graph.nodes = nodes; $0.graph.outputs[0].name = "v0" }.check().errors
        #expect(found.count == 1)
        #expect(found[0].contains("(100000 values)"))
    }

    @Test func refusesGraphsNestedBeyondTheLimit() {
        func nested(_ depth: Int) -> Graph {
            var graph = Graph(name: "0", nodes: [Node("Relu", inputs: ["x"], outputs: ["p0"])], outputs: [ValueInfo(name: "p0", type: nil)])
            for level in 1..<depth - 1 {
                let held = Node("If", inputs: ["x"], outputs: [Name("p\(level)")], attributes: [Attribute("then_branch", .graph(graph))])
                graph = Graph(name: "b", nodes: [held], outputs: [ValueInfo(name: Name("p\(level)"), type: nil)])
            }
            return graph
        }
        func model(_ depth: Int) -> Model {
            .small { $0.graph.nodes = [Node("If", inputs: ["x"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(nested(depth)))])] }
        }
        #expect(model(64).check() == [])
        #expect(model(65).check().errors.first?.contains("more than 64 deep") == true)
    }

    @Test func stopsAtTheLimitOfFindings() {
        let found = Model.small { $0.graph.nodes += Array(repeating: Node(nil), count: 5_000) }.check()
        #expect(found.errors.count == 500)
    }
}
