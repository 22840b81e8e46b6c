import ModelGraph
import Operators
import Tensors
import TestSupport
import Testing

/// Findings of a model with one node that makes 'y'.
private func findings(_ node: Node, opset: Int64 = 17, domains: [Name: Int64] = [:], initializers: [Tensor] = [], rank: Int? = nil) -> [Finding] {
    checkOperators(
        .small {
            $0.opsetImports = [OpsetImport(version: opset)] + domains.sorted { $0.key < $1.key }.map { OpsetImport(domain: $0.key, version: $0.value) }
            $0.graph.nodes = [node]
            $0.graph.initializers += initializers
            if let rank { $0.graph.inputs[0].type = .tensor(.float, Shape((0..<rank).map { _ in Dimension(.unknown) })) }
        })
}

private func node(_ op: Name, _ inputs: [Name] = ["x"], outputs: [Name] = ["y"], domain: Name? = nil, with attributes: [Name: AttributeValue] = [:]) -> Node {
    Node(op, domain: domain, inputs: inputs, outputs: outputs, attributes: attributes.sorted { $0.key < $1.key }.map { Attribute($0.key, $0.value) })
}

@Suite struct OperatorCheckTests {
    @Test func acceptsAHealthyModel() {
        #expect(checkModel(.small()) == [])
        #expect(checkModel(.small { $0.opsetImports = [OpsetImport(domain: "ai.onnx", version: 17)]; $0.graph.nodes[0].domain = "ai.onnx" }) == [])
    }

    @Test func joinsBothParts() {
        let found = checkModel(.small { $0.irVersion = 99; $0.graph.nodes[0].inputs = ["x"] })
        #expect(found.errors.count == 2)
    }

    @Test func refusesOpsetsThatAreNewerThanKnown() {
        #expect(findings(node("Relu"), opset: 28) == [])
        #expect(findings(node("Relu"), opset: 9999).errors.first?.contains("opset 9999 of domain 'ai.onnx' is newer than 28") == true)
        #expect(findings(node("Relu"), domains: ["ai.onnx.ml": 6]).errors.count == 1)
        #expect(findings(node("Relu"), domains: ["com.example": 9999]) == [])
    }

    @Test func refusesOperatorsThatAreNewerThanTheOpset() {
        #expect(findings(node("Gelu"), opset: 11).errors == ["graph 'g': node that makes 'y' (Gelu): Gelu does not exist in opset 11 of domain 'ai.onnx', it came with opset 20; import that or a later one"])
        let layer = findings(node("LayerNormalization", ["x", "w"]), opset: 11)
        #expect(layer.errors == [])
        #expect(layer.warnings.count == 1)
    }

    @Test func carriesUnknownOperatorsWithOneWarning() {
        let found = checkOperators(.small(node("Twice", outputs: ["a"]), node("Twice", ["a"], outputs: ["b"]), node("Once", ["b"])))
        #expect(found.errors == [])
        #expect(found.warnings == [
            "graph 'g': node that makes 'a' (Twice): operator 'Twice' of domain 'ai.onnx' is unknown in opset 17; it is carried as it is (2 nodes, this is the first)",
            "graph 'g': node that makes 'y' (Once): operator 'Once' of domain 'ai.onnx' is unknown in opset 17; it is carried as it is",
        ])
    }

    @Test func needsAnImportForEachDomain() {
        #expect(findings(node("Foo", domain: "com.evil")).errors.first?.contains("no opset_import for domain 'com.evil'") == true)
        #expect(findings(node("Foo", domain: "com.evil"), domains: ["com.evil": 1]) == [])
        #expect(findings(node("FusedConv", domain: "com.microsoft")).errors == [])
        #expect(findings(node("FusedConv", domain: "com.microsoft")).warnings.count == 1)
    }

    @Test func usesTheImportsOfAFunction() {
        func found(_ version: Int64) -> [Finding] {
            checkOperators(
                .small {
                    $0.opsetImports = [OpsetImport(version: 11), OpsetImport(domain: "f", version: 1)]
                    $0.graph.nodes = [node("F", domain: "f")]
                    $0.functions = [Function(name: "F", domain: "f", inputs: ["x"], outputs: ["y"], nodes: [node("Gelu")], opsetImports: [OpsetImport(version: version)])]
                })
        }
        #expect(found(20) == [])
        #expect(found(11).errors.first?.hasPrefix("function 'f::F': node that makes 'y' (Gelu)") == true)
    }

    @Test func saysThatAFunctionOverridesAnOperator() {
        let found = checkOperators(
            .small {
                $0.functions = [Function(name: "Relu", domain: "", inputs: ["a", "b"], outputs: ["c"], nodes: [], opsetImports: [OpsetImport(version: 17)])]
                $0.graph.nodes = [node("Relu", ["x", "w"])]
            })
        #expect(found.errors == [])
        #expect(found.warnings.first?.contains("overrides it") == true)
    }

    @Test func refusesWrongNumbersOfInputsAndOutputs() {
        #expect(findings(node("MatMul")).errors.first?.contains("has 1 input, MatMul takes 2") == true)
        #expect(findings(node("Relu", Array(repeating: "x", count: 1000))).errors.first?.contains("has 1000 inputs, Relu takes 1") == true)
        #expect(findings(node("Relu", outputs: [])).errors.first?.contains("has 0 outputs, Relu gives 1") == true)
        #expect(findings(node("MatMul", ["x", ""])).errors.first?.contains("leaves out input 1") == true)
        #expect(findings(node("Clip", ["x", "", "w"])) == [])
    }

    @Test func refusesAttributesThatContradictTheSchema() {
        #expect(findings(node("Cast")).errors.first?.contains("attribute 'to' is missing") == true)
        #expect(findings(node("Concat", with: ["axis": .float(1)])).errors.first?.contains("'axis' is of type FLOAT, Concat takes INT") == true)
        #expect(findings(node("Relu", with: ["extra": .int(1)])).errors == [])
        #expect(findings(node("Relu", with: ["extra": .int(1)])).warnings.count == 1)
        #expect(findings(node("If", with: ["then_branch": .graph(Graph(outputs: [ValueInfo(name: "x", type: nil)]))])).errors.first?.contains("'else_branch' is missing") == true)
    }

    @Test func takesASparseTensorAsAConstantWithAWarning() {
        let sparse = SparseTensor(values: .floats("s", [1], [1]), indices: .ints(nil, [1], [0]), dims: [4])
        let found = findings(node("Constant", [], with: ["value": .sparseTensor(sparse)]))
        #expect(found.errors == [])
        #expect(found.warnings.count == 1)
    }

    @Test func takesContradictionsAsOddInOpset1() {
        let found = findings(node("Cast", with: ["to": .int(1)]), opset: 1)
        #expect(found.errors == [])
        #expect(found.warnings.count == 1)
        #expect(checkOperators(.small { $0.irVersion = 3; $0.opsetImports = []; $0.graph.nodes = [node("Tile", ["x"])] }).errors == [])
    }

    @Test func warnsOfDeprecatedOperators() {
        let found = findings(node("Upsample", ["x", "w"]), opset: 13)
        #expect(found.errors == [])
        #expect(found.warnings.first?.contains("deprecated since opset 10") == true)
    }

    @Test(arguments: [Int64.min, .max, 1 << 40])
    func refusesAxesThatNoTensorHas(axis: Int64) {
        #expect(findings(node("Concat", with: ["axis": .int(axis)])).errors.count == 1)
        #expect(findings(node("Squeeze", with: ["axes": .ints([0, axis])]), opset: 11).errors.count == 1)
    }

    @Test func checksSubgraphsAndStopsAtTheLimit() {
        let body = Graph(nodes: [node("MatMul", outputs: ["p"])], outputs: [ValueInfo(name: "p", type: nil)])
        let found = findings(node("If", with: ["then_branch": .graph(body), "else_branch": .graph(body)]))
        #expect(found.errors.count == 2)
        #expect(checkOperators(.small { $0.graph.nodes = Array(repeating: node("MatMul"), count: 5_000) }).errors.count == 500)
    }
}
