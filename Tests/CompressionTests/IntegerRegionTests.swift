import ModelGraph
import TestSupport
import Testing

@testable import Compression
@testable import Tensors

/// Which nodes compute with integers, by graphs that are small enough to say it by hand.
@Suite struct IntegerRegionTests {
    private static func weights(_ names: String...) -> [Tensor] { names.map { .floats(Name($0), [4, 4, 1, 1], [Float](repeating: 1, count: 16)) } }

    private static func region(_ nodes: [Node], _ constants: [Tensor], outputs: [Name], except: Set<Name> = []) -> (IntegerRegion, GraphUses) {
        let uses = GraphUses(Graph(nodes: nodes, outputs: outputs.map { ValueInfo(name: $0, type: nil) }, initializers: constants))
        return (IntegerRegion(uses, weights: Set(constants.compactMap(\.name)), known: nil, except: except), uses)
    }

    private static func conv(_ x: Name, _ w: Name, _ y: Name) -> Node { Node("Conv", inputs: [x, w], outputs: [y]) }

    @Test func reluBelongsToTheProductBeforeIt() {
        let (region, _) = Self.region(
            [Self.conv("x", "a", "p"), Node("Relu", inputs: ["p"], outputs: ["q"]), Self.conv("q", "b", "y")], Self.weights("a", "b"), outputs: ["y"])
        #expect(region.layers.map(\.output) == ["q", "y"])
        #expect(region.values == ["x", "q"] && region.made.contains("q") && !region.made.contains("p"))
    }

    @Test func sumsBetweenProductsAreIntegersAndOthersAreNot() {
        let residual = [
            Self.conv("x", "a", "p"), Self.conv("p", "b", "q"), Node("Add", inputs: ["p", "q"], outputs: ["s"]), Self.conv("s", "c", "t"),
            Node("Add", inputs: ["t", "s"], outputs: ["y"]),
        ]
        let (region, _) = Self.region(residual, Self.weights("a", "b", "c"), outputs: ["y"])
        #expect(region.nodes == [0, 1, 2, 3])
        #expect(region.values == ["x", "p", "q", "s"])
        // Nothing behind the last sum takes codes.
        #expect(!region.values.contains("t"))
    }

    @Test func whatMovesValuesSharesTheirScale() {
        let nodes = [
            Self.conv("x", "a", "p"), Self.conv("x", "b", "q"), Node("Concat", inputs: ["p", "q"], outputs: ["s"], attributes: [Attribute("axis", .int(1))]),
            Node("MaxPool", inputs: ["s"], outputs: ["t"]), Self.conv("t", "c", "u"), Node("Softmax", inputs: ["u"], outputs: ["v"]), Self.conv("v", "d", "y"),
        ]
        let (region, _) = Self.region(nodes, Self.weights("a", "b", "c", "d"), outputs: ["y"])
        #expect(region.nodes == [0, 1, 2, 3, 4, 6])
        #expect(Set(["p", "q", "s", "t"].map { region.shared[$0] }).count == 1)
        #expect(region.shared["x"] == "x" && region.shared["v"] == "v")
    }

    @Test func aFloatLayerTakesFloats() {
        let nodes = [Self.conv("x", "a", "p"), Node("MaxPool", inputs: ["p"], outputs: ["q"]), Self.conv("q", "b", "y")]
        let (region, _) = Self.region(nodes, Self.weights("a", "b"), outputs: ["y"], except: ["y"])
        #expect(region.nodes == [0] && region.values == ["x"])
    }

    @Test func outputsAndCapturedValuesStayFloats() {
        let branch = Graph(name: "then", nodes: [Node("Identity", inputs: ["p"], outputs: ["i"])], outputs: [ValueInfo(name: "i", type: nil)])
        let nodes = [
            Self.conv("x", "a", "p"), Node("Relu", inputs: ["p"], outputs: ["q"]), Self.conv("q", "b", "y"),
            Node("If", inputs: ["c"], outputs: ["z"], attributes: [Attribute("then_branch", .graph(branch))]),
        ]
        let (region, _) = Self.region(nodes, Self.weights("a", "b"), outputs: ["y", "z"])
        // Somebody sees the value before the Relu.
        #expect(region.layers.first?.output == "p")
        #expect(region.values == ["x", "q"] && !region.made.contains("q"))
    }
}
