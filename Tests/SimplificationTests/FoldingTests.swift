import ModelGraph
import Simplification
import Tensors
import TestSupport
import Testing

/// Constants, dims, conditions, functions, what nobody needs, what is there twice.
struct FoldingTests {
    @Test func computesConstants() throws {
        let model = Model.of(
            [Node("Add", inputs: ["a", "b"], outputs: ["c"]), Node("Exp", inputs: ["c"], outputs: ["d"]), Node("Mul", inputs: ["x", "d"], outputs: ["y"])], [.weights("a", [4]), .weights("b", [4], seed: 2)])
        let simple = try checked(model)
        #expect(simple.operators == ["Mul"])
        #expect(simple.graph.initializers.count == 1)
    }

    @Test func doesNotMakeLargeConstantsOfSmallOnes() throws {
        let model = Model.of([Node("Expand", inputs: ["a", "s"], outputs: ["b"]), Node("Sub", inputs: ["x", "b"], outputs: ["y"])], [.floats("a", [], [1]), .ints("s", [4], [2, 3, 400, 400])], inputs: ["x": [2, 3, 400, 400]])
        #expect(try checked(model).operators == ["Expand", "Sub"])
    }

    @Test func computesWhatFollowsFromSizes() throws {
        let model = Model.of(
            [
                Node("Shape", inputs: ["x"], outputs: ["s"]), Node("Gather", inputs: ["s", "i0"], outputs: ["n"], attributes: [Attribute("axis", .int(0))]), Node("Concat", inputs: ["n", "m"], outputs: ["t"], attributes: [Attribute("axis", .int(0))]),
                Node("Reshape", inputs: ["x", "t"], outputs: ["y"]),
            ], [.ints("i0", [1], [0]), .ints("m", [2], [6, 8])])
        #expect(try checked(model).operators == ["Reshape"])
        var dynamic = model
        dynamic.graph.inputs[0].type = .tensor(.float, Shape([Dimension(.symbol("N")), Dimension(.value(3)), Dimension(.value(4)), Dimension(.value(4))]))
        #expect(try checked(dynamic).operators == ["Reshape"])
    }

    @Test func leavesAloneInitializersThatAreInputs() throws {
        var model = Model.of([Node("Exp", inputs: ["a"], outputs: ["b"]), Node("Mul", inputs: ["x", "b"], outputs: ["y"])], [.weights("a", [4])], inputs: ["x": [4], "a": [4]])
        #expect(try checked(model).operators == ["Exp", "Mul"])
        // Nobody can replace them up to IR 3, where all are listed.
        model.irVersion = 3
        model.opsetImports = [OpsetImport(version: 8)]
        let simple = try model.simplified()
        #expect(simple.operators == ["Mul"])
        #expect(Set(simple.graph.inputs.compactMap(\.name)) == ["x", simple.graph.initializers[0].name ?? ""])
    }

    @Test func removesWhatNobodyReads() throws {
        let model = Model.of(
            [
                Node("Relu", inputs: ["x"], outputs: ["y"]), Node("Exp", inputs: ["x"], outputs: ["a"]), Node("Mul", inputs: ["a", "w"], outputs: ["b"]), Node("Mystery", domain: "not.known", inputs: ["x"], outputs: ["m"]),
            ], [.weights("w", [4])])
        var known = model
        known.opsetImports.append(OpsetImport(domain: "not.known", version: 1))
        let simple = try known.simplified()
        #expect(simple.operators == ["Relu", "Mystery"])
        #expect(simple.graph.initializers.isEmpty)
    }

    @Test func unknownOperatorsAreWalls() throws {
        var model = Model.of(
            [Node("Identity", inputs: ["x"], outputs: ["a"]), Node("Mystery", domain: "not.known", inputs: ["a", "c"], outputs: ["b"]), Node("Identity", inputs: ["b"], outputs: ["e"]), Node("Relu", inputs: ["e"], outputs: ["y"])], [.weights("c", [4])])
        model.opsetImports.append(OpsetImport(domain: "not.known", version: 1))
        let simple = try model.simplified()
        #expect(simple.operators == ["Mystery", "Relu"])
        #expect(simple.graph.nodes[0].inputs == ["x", "c"])
    }

    @Test func takesTheBranchOfAConstantCondition() throws {
        func graph(_ op: Name) -> Graph { Graph(name: op, nodes: [Node(op, inputs: ["r"], outputs: ["o"])], outputs: [ValueInfo(name: "o", type: .tensor(.float))]) }
        let choice = Node("If", inputs: ["c"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(graph("Exp"))), Attribute("else_branch", .graph(graph("Neg")))])
        let model = Model.of([Node("Relu", inputs: ["x"], outputs: ["r"]), choice], [Tensor(name: "c", .bool, dims: [], bytes: TensorBytes([0]))])
        #expect(try checked(model).operators == ["Relu", "Neg"])
        let open = Model.of([Node("Relu", inputs: ["x"], outputs: ["r"]), choice], inputs: ["x": [4], "c": []])
        var typed = open
        typed.graph.inputs[1].type = .tensor(.bool, [])
        #expect(try checked(typed).operators == ["Relu", "If"])
    }

    @Test func simplifiesInsideOfBranches() throws {
        let branch = Graph(
            name: "b", nodes: [Node("Add", inputs: ["k", "k"], outputs: ["k2"]), Node("Identity", inputs: ["x"], outputs: ["i"]), Node("Mul", inputs: ["i", "k2"], outputs: ["o"])], outputs: [ValueInfo(name: "o", type: .tensor(.float))],
            initializers: [.weights("k", [4])])
        let choice = Node("If", inputs: ["b"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))])
        let simple = try checked(.of([choice], inputs: ["x": [2, 4], "b": []]))
        #expect(simple.nodeCount == 3)
        // Both branches read one constant, which lies where both see it.
        #expect(simple.graph.initializers.count == 1)
    }

    /// Values that a loop carries change from trip to trip, constants around it do not.
    @Test func simplifiesInsideOfLoops() throws {
        let body = Graph(
            name: "body",
            nodes: [
                Node("Identity", inputs: ["going"], outputs: ["goOn"]), Node("Mul", inputs: ["k", "k"], outputs: ["k2"]), Node("Identity", inputs: ["state"], outputs: ["copy"]),
                Node("Add", inputs: ["copy", "k2"], outputs: ["next"]), Node("Concat", inputs: ["next", "x"], outputs: ["grown"], attributes: [Attribute("axis", .int(0))]),
            ],
            inputs: [ValueInfo(name: "trip", type: .tensor(.int64, [])), ValueInfo(name: "going", type: .tensor(.bool, [])), ValueInfo(name: "state", type: .tensor(.float, [2, 4]))],
            outputs: [ValueInfo(name: "goOn", type: .tensor(.bool)), ValueInfo(name: "grown", type: .tensor(.float))])
        let loop = Node("Loop", inputs: ["trips", "", "x"], outputs: ["y"], attributes: [Attribute("body", .graph(body))])
        let simple = try checked(.of([loop], [.ints("trips", [], [3]), .weights("k", [4])], inputs: ["x": [2, 4]]))
        guard case .graph(let inner)? = simple.graph.nodes[0].attribute("body")?.value else { Issue.record("no body"); return }
        #expect(Set(inner.nodes.map { $0.opType?.text ?? "" }).subtracting(["Identity"]) == ["Add", "Concat"])
        #expect(inner.nodes.count <= 3)
        #expect(simple.graph.initializers.count + inner.initializers.count == 2)
    }

    /// A constant that is an output stands in a node; all others are initializers, which take fewer bytes.
    @Test func writesConstantsThatAreOutputsAsNodes() throws {
        let branch = Graph(name: "b", nodes: [Node("Exp", inputs: ["k"], outputs: ["o"])], outputs: [ValueInfo(name: "o", type: .tensor(.float))], initializers: [.weights("k", [4])])
        let choice = Node("If", inputs: ["b"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))])
        let simple = try checked(.of([choice], inputs: ["b": []]))
        guard case .graph(let inner)? = simple.graph.nodes.last?.attribute("then_branch")?.value else { Issue.record("no branch"); return }
        #expect(inner.nodes.map(\.opType) == ["Constant"] && inner.initializers.isEmpty)
    }

    @Test func inlinesFunctions() throws {
        let body = [Node("Sigmoid", inputs: ["a"], outputs: ["s"]), Node("LeakyRelu", inputs: ["s"], outputs: ["l"], attributes: [Attribute("alpha", .float(0), hasValue: false, referenceName: "slope")]), Node("Mul", inputs: ["a", "l"], outputs: ["o"])]
        let function = Function(name: "F", domain: "local", inputs: ["a"], outputs: ["o"], attributeDefaults: [Attribute("slope", .float(0.25))], nodes: body, opsetImports: [OpsetImport(version: 17)])
        let call = Node("F", domain: "local", inputs: ["x"], outputs: ["y"])
        let once = try checked(.of([call], functions: [function]))
        #expect(once.operators == ["Sigmoid", "LeakyRelu", "Mul"])
        #expect(once.functions.isEmpty)
        // Thrice the body would be more nodes than the body and three calls.
        let calls = [Node("F", domain: "local", inputs: ["x"], outputs: ["a"]), Node("F", domain: "local", inputs: ["a"], outputs: ["b"]), Node("F", domain: "local", inputs: ["b"], outputs: ["y"])]
        #expect(try checked(.of(calls, functions: [function])).operators == ["F", "F", "F"])
    }

    @Test func keepsEqualTensorsOnce() throws {
        let model = Model.of(
            [Node("Mul", inputs: ["x", "a"], outputs: ["t"]), Node("Exp", inputs: ["t"], outputs: ["u"]), Node("Mul", inputs: ["u", "b"], outputs: ["y"])], [.weights("a", [4]), .weights("b", [4])])
        #expect(try checked(model).graph.initializers.count == 1)
    }

    @Test func turnsConstantNodesIntoInitializers() throws {
        let constant = Node("Constant", outputs: ["k"], attributes: [Attribute("value_floats", .floats([1, 2, 3, 4]))])
        let simple = try checked(.of([constant, Node("Mul", inputs: ["x", "k"], outputs: ["y"])]), "constants-to-initializers")
        #expect(simple.operators == ["Mul"])
        #expect(simple.graph.initializers.map(\.dims) == [[4]])
    }

    @Test func sortsNodes() throws {
        let model = Model.of([Node("Exp", inputs: ["a"], outputs: ["y"]), Node("Relu", inputs: ["x"], outputs: ["a"])])
        #expect(try checked(model).operators == ["Relu", "Exp"])
    }

    @Test func leavesTrainingAlone() throws {
        var model = Model.of([Node("Exp", inputs: ["w"], outputs: ["e"]), Node("Mul", inputs: ["x", "e"], outputs: ["y"])], [.weights("w", [4]), .weights("lr", [1])])
        model.trainingInfo = [TrainingInfo(algorithm: Graph(name: "t", nodes: [Node("Mul", inputs: ["w", "lr"], outputs: ["w2"])], outputs: [ValueInfo(name: "w2", type: nil)]), updateBinding: [KeyValue(key: "w", value: "w2")])]
        let simple = try checked(model)
        #expect(simple.operators == ["Exp", "Mul"])
        #expect(simple.graph.initializers.map(\.name) == ["w", "lr"])
        #expect(simple.trainingInfo == model.trainingInfo)
    }

    @Test func dropsTypesOfValuesThatAreGone() throws {
        var model = Model.of([Node("Identity", inputs: ["x"], outputs: ["a"]), Node("Relu", inputs: ["a"], outputs: ["b"]), Node("Exp", inputs: ["b"], outputs: ["y"])], inputs: ["x": [4]])
        model.graph.valueInfos = ["a", "b"].map { ValueInfo(name: $0, type: .tensor(.float, [4])) }
        #expect(try checked(model).graph.valueInfos.map(\.name) == ["b"])
    }

    // MARK: refusals and options

    @Test func refusesWhatCannotRun() throws {
        let cycle = Model.of([Node("Add", name: "n", inputs: ["x", "b"], outputs: ["a"]), Node("Relu", inputs: ["a"], outputs: ["b"]), Node("Exp", inputs: ["b"], outputs: ["y"])])
        #expect { try simplify(cycle) } throws: { "\($0)".contains("cycle") && "\($0)".contains("'a'") }
        let shapes = Model.of([Node("MatMul", name: "mm", inputs: ["x", "w"], outputs: ["y"])], [.weights("w", [5, 2])])
        #expect { try simplify(shapes) } throws: { "\($0)".contains("node 'mm' (MatMul)") }
    }

    @Test func refusesNamesThatNoPassHas() throws {
        #expect { try simplify(.small(), options: .init(passes: ["magic"])) } throws: { "\($0)".hasPrefix("there is no pass 'magic'; there are inline-functions") }
    }

    @Test func runsOnlyTheWantedPasses() throws {
        let model = Model.of([Node("Identity", inputs: ["x"], outputs: ["a"]), Node("Relu", inputs: ["a"], outputs: ["y"]), Node("Exp", inputs: ["x"], outputs: ["z"])])
        #expect(try model.simplified("remove-identities").operators == ["Relu", "Exp"])
        let (simple, report) = try simplify(model, options: .init(skipping: ["remove-identities"]))
        #expect(simple.operators == ["Identity", "Relu"])
        #expect(!report.passes.contains { $0.name == "remove-identities" })
        #expect(report.passes.first { $0.name == "remove-dead-code" }?.removedNodes == 1)
        #expect(report.nodesBefore == 3 && report.nodesAfter == 2)
    }

    @Test func everyPassHasAFileAndALine() throws {
        let files = Places.files(below: Places.root + "/Sources/Simplification/Passes", suffix: ".swift").map { String($0.split(separator: "/").last ?? "").dropLast(6) }
        let names = simplificationPasses.map { pass in pass.name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined().lowercased() }
        #expect(names.count == Set(names).count)
        #expect(Set(files.map { $0.lowercased() }) == Set(names))
    }
}
