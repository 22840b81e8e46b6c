import ModelGraph
import Tensors
import TestSupport
import Testing

@Suite struct FunctionCheckTests {
    private func function(_ name: Name, _ nodes: [Node], outputs: [Name] = ["b"]) -> Function {
        Function(name: name, domain: "f", inputs: ["a"], outputs: outputs, nodes: nodes, opsetImports: [OpsetImport(version: 17)])
    }

    private func calling(_ name: Name, _ input: Name = "a", _ output: Name = "b") -> Node { Node(name, domain: "f", inputs: [input], outputs: [output]) }

    private func findings(_ functions: [Function], call: Name = "F") -> [Finding] {
        Model.small { $0.functions = functions; $0.graph.nodes = [calling(call, "x", "y")] }.check()
    }

    @Test func acceptsFunctionsThatCallOthers() {
        #expect(findings([function("F", [calling("G")]), function("G", [Node("Relu", inputs: ["a"], outputs: ["b"])])]) == [])
    }

    @Test func refusesRecursionAndNamesIt() {
        #expect(findings([function("F", [calling("F")])]).errors == ["recursive function 'f::F': a function must not call itself, directly or through others; export the model again"])
        let mutual = findings([function("F", [calling("G")]), function("G", [calling("F")])]).errors
        #expect(mutual.first?.hasPrefix("recursive function 'f::F', function 'f::G'") == true)
    }

    @Test func seesRecursionInSubgraphs() {
        let body = Graph(name: "t", nodes: [calling("F", "a", "p")], outputs: [ValueInfo(name: "p", type: nil)])
        let held = Node("If", inputs: ["a"], outputs: ["b"], attributes: [Attribute("then_branch", .graph(body))])
        #expect(findings([function("F", [held])]).errors.first?.contains("recursive") == true)
    }

    @Test(arguments: [(20, nil), (40, "graph 'g': stands for 1099511627776 nodes"), (100, "more than 2^63 nodes")] as [(Int, String?)])
    func refusesCallsThatMultiply(depth: Int, message: String?) {
        var functions = [function("F0", [Node("Relu", inputs: ["a"], outputs: ["b"])])]
        for level in 1...depth { functions.append(function(Name("F\(level)"), [calling(Name("F\(level - 1)"), "a", "m"), calling(Name("F\(level - 1)"), "m", "b")])) }
        let found = findings(functions, call: Name("F\(depth)")).errors
        if let message { #expect(found.count == 1 && found[0].contains(message), "\(found)") } else { #expect(found == []) }
    }

    @Test func refusesTwoBodiesOfOneName() {
        let relu = function("F", [Node("Relu", inputs: ["a"], outputs: ["b"])]), neg = function("F", [Node("Neg", inputs: ["a"], outputs: ["b"])])
        #expect(findings([relu, neg]).errors.first?.contains("different bodies") == true)
        #expect(findings([relu, relu]).errors == [])
        var other = neg
        other.overload = "o"
        #expect(findings([relu, other]) == [])
    }

    @Test func checksBodiesLikeGraphs() {
        #expect(findings([function("F", [])]).errors.first?.contains("function output 'b' is never produced") == true)
        #expect(findings([function("F", [Node("Relu", inputs: ["x"], outputs: ["b"])])]).errors.first?.contains("reads 'x', which nothing produces") == true)
    }

    @Test func refusesCallsWithTooManyValues() {
        let relu = function("F", [Node("Relu", inputs: ["a"], outputs: ["b"])])
        let found = Model.small { $0.functions = [relu]; $0.graph.nodes = [Node("F", domain: "f", inputs: ["x", "w"], outputs: ["y"])] }.check().errors
        #expect(found == ["graph 'g': node that makes 'y' (F): has 2 inputs, but the function that it calls has 1"])
    }

    @Test func warnsOfReferencesToUndeclaredAttributes() {
        var body = function("F", [Node("Relu", inputs: ["a"], outputs: ["b"], attributes: [Attribute("k", .int(0), referenceName: "k")])])
        #expect(findings([body]).warnings.first?.contains("is no attribute of the function") == true)
        body.attributeNames = ["k"]
        #expect(findings([body]) == [])
        body.attributeDefaults = [Attribute("k", .int(0))]
        #expect(findings([body]).errors.first?.contains("declared twice") == true)
    }
}
