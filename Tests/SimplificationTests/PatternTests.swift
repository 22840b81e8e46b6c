import ModelGraph
import Simplification
import Tensors
import TestSupport
import Testing

/// Normalizations and activations in the many ways in which exporters write them.
struct PatternTests {
    private let numbers: [Tensor] = [
        .floats("one", [], [1]), .floats("two", [], [2]), .floats("three", [], [3]), .floats("six", [], [6]), .floats("zero", [], [0]), .floats("sixth", [], [1.0 / 6]), .floats("half", [], [0.5]),
        .floats("root", [], [Float(2).squareRoot()]), .floats("rootHalf", [], [Float(0.5).squareRoot()]), .floats("rootPi", [], [0.797_884_560_802_865_4]), .floats("cubic", [], [0.044_715]),
        .floats("slope", [], [1.702]), .floats("eps", [], [1e-5]), .floats("minusHalf", [], [-0.5]), .weights("g", [4]), .weights("b", [4], seed: 9),
    ]

    private func node(_ op: Name, _ inputs: Name..., to output: Name) -> Node { Node(op, inputs: inputs, outputs: [output]) }
    private func mean(_ from: Name, _ to: Name) -> Node { Node("ReduceMean", inputs: [from, "last"], outputs: [to]) }
    private func simple(_ nodes: [Node], opset: Int64) throws -> [String] { try checked(.of(nodes, numbers + [.ints("last", [1], [-1])], opset: opset)).operators }

    // MARK: activations

    @Test func recognisesGeluWithAnyOrderOfFactors() throws {
        let erf = [node("Mul", "rootHalf", "x", to: "a"), node("Erf", "a", to: "e"), node("Add", "one", "e", to: "f")]
        #expect(try simple(erf + [node("Mul", "half", "x", to: "h"), node("Mul", "h", "f", to: "y")], opset: 20) == ["Gelu"])
        #expect(try simple(erf + [node("Mul", "f", "x", to: "h"), node("Div", "h", "two", to: "y")], opset: 20) == ["Gelu"])
        #expect(try simple(erf + [node("Mul", "f", "half", to: "h"), node("Mul", "h", "x", to: "y")], opset: 20) == ["Gelu"])
        #expect(try simple(erf + [node("Mul", "f", "half", to: "h"), node("Mul", "h", "x", to: "y")], opset: 19).count == 5)
        // Three quarters are no half.
        #expect(try simple(erf + [node("Mul", "f", "x", to: "h"), node("Mul", "h", "rootHalf", to: "y")], opset: 20).count == 5)
    }

    @Test func recognisesTheTanhFormOfGelu() throws {
        let end = [node("Mul", "rootPi", "s", to: "t"), node("Tanh", "t", to: "u"), node("Add", "u", "one", to: "v")]
        let cube = [node("Pow", "x", "three", to: "p"), node("Mul", "cubic", "p", to: "q"), node("Add", "x", "q", to: "s")]
        #expect(try simple(cube + end + [node("Mul", "half", "x", to: "h"), node("Mul", "h", "v", to: "y")], opset: 20) == ["Gelu"])
        let products = [node("Mul", "x", "x", to: "p"), node("Mul", "p", "x", to: "r"), node("Mul", "r", "cubic", to: "q"), node("Add", "q", "x", to: "s")]
        #expect(try simple(products + end + [node("Mul", "v", "x", to: "h"), node("Mul", "h", "half", to: "y")], opset: 20) == ["Gelu"])
        let factored = [
            node("Mul", "x", "x", to: "p"), node("Mul", "p", "cubic", to: "q"), node("Add", "one", "q", to: "r"), node("Mul", "x", "rootPi", to: "w"), node("Mul", "w", "r", to: "t"), node("Tanh", "t", to: "u"),
            node("Add", "one", "u", to: "v"), node("Mul", "half", "x", to: "h"), node("Mul", "h", "v", to: "y"),
        ]
        #expect(try simple(factored, opset: 20) == ["Gelu"])
    }

    @Test func recognisesSwishWithASlope() throws {
        let nodes = [node("Mul", "x", "slope", to: "a"), node("Sigmoid", "a", to: "s"), node("Mul", "x", "s", to: "y")]
        let found = try checked(.of(nodes, numbers, opset: 24))
        #expect(found.operators == ["Swish"])
        #expect(found.graph.nodes[0].attribute("alpha")?.value == .float(1.702))
        #expect(try simple(nodes, opset: 23).count == 3)
    }

    @Test func recognisesHardActivations() throws {
        let clip = [node("Add", "x", "three", to: "a"), node("Clip", "a", "zero", "six", to: "c")]
        #expect(try simple(clip + [node("Mul", "x", "c", to: "m"), node("Div", "m", "six", to: "y")], opset: 14) == ["HardSwish"])
        #expect(try simple(clip + [node("Mul", "sixth", "c", to: "m"), node("Mul", "m", "x", to: "y")], opset: 14) == ["HardSwish"])
        #expect(try simple(clip + [node("Mul", "x", "c", to: "m"), node("Div", "m", "six", to: "y")], opset: 13).count == 4)
        #expect(try simple([node("Add", "x", "two", to: "a"), node("Clip", "a", "zero", "six", to: "c"), node("Div", "c", "six", to: "y")], opset: 14).count == 3)
    }

    @Test func recognisesMish() throws {
        let nodes = [node("Softplus", "x", to: "s"), node("Tanh", "s", to: "t"), node("Mul", "t", "x", to: "y")]
        #expect(try simple(nodes, opset: 18) == ["Mish"])
        #expect(try simple(nodes, opset: 17).count == 3)
    }

    // MARK: normalizations

    private var centred: [Node] { [mean("x", "m"), node("Sub", "x", "m", to: "d"), node("Mul", "d", "d", to: "q"), mean("q", "v"), node("Add", "eps", "v", to: "e")] }

    @Test func recognisesLayerNormalizationWithAnyRoot() throws {
        let end = [node("Mul", "g", "n", to: "s"), node("Add", "b", "s", to: "y")]
        let roots = [
            [node("Sqrt", "e", to: "r"), node("Div", "d", "r", to: "n")], [node("Sqrt", "e", to: "r"), node("Reciprocal", "r", to: "i"), node("Mul", "i", "d", to: "n")],
            [node("Sqrt", "e", to: "r"), node("Div", "one", "r", to: "i"), node("Mul", "d", "i", to: "n")], [node("Pow", "e", "minusHalf", to: "i"), node("Mul", "d", "i", to: "n")],
            [node("Pow", "e", "half", to: "r"), node("Div", "d", "r", to: "n")],
        ]
        for root in roots { #expect(try simple(centred + root + end, opset: 18) == ["LayerNormalization"], "\(root)") }
        #expect(try simple(centred + roots[0] + [node("Mul", "g", "n", to: "y")], opset: 18) == ["LayerNormalization"])
    }

    /// As TensorFlow computes it.
    @Test func recognisesDistributedLayerNormalization() throws {
        let nodes = centred + [
            node("Sqrt", "e", to: "r"), node("Reciprocal", "r", to: "i"), node("Mul", "i", "g", to: "k"), node("Mul", "x", "k", to: "xk"), node("Mul", "m", "k", to: "mk"), node("Sub", "b", "mk", to: "o"),
            node("Add", "xk", "o", to: "y"),
        ]
        #expect(try simple(nodes, opset: 18) == ["LayerNormalization"])
        #expect(try checked(.of(nodes, numbers + [.ints("last", [1], [-1])], outputs: ["y", "k"], opset: 18)).operators.count == 12)
    }

    @Test func recognisesRMSNormalization() throws {
        let nodes = [
            node("Pow", "x", "two", to: "q"), mean("q", "v"), node("Add", "v", "eps", to: "e"), node("Sqrt", "e", to: "r"), node("Reciprocal", "r", to: "i"), node("Mul", "x", "i", to: "n"),
            node("Mul", "n", "g", to: "y"),
        ]
        #expect(try simple(nodes, opset: 23) == ["RMSNormalization"])
        #expect(try simple(nodes, opset: 22).count == 7)
        let gainFirst = Array(nodes.dropLast(2)) + [node("Mul", "g", "i", to: "k"), node("Mul", "k", "x", to: "y")]
        #expect(try simple(gainFirst, opset: 23) == ["RMSNormalization"])
    }

    /// Within a function types are not known, but the steps are the operator's all the same.
    @Test func recognisesActivationsInFunctions() throws {
        let body = [Node("Sigmoid", inputs: ["a"], outputs: ["s"]), Node("Mul", inputs: ["a", "s"], outputs: ["o"])]
        let function = Function(name: "F", domain: "local", inputs: ["a"], outputs: ["o"], nodes: body, opsetImports: [OpsetImport(version: 24)])
        let calls = (0..<4).map { Node("F", domain: "local", inputs: [$0 == 0 ? "x" : Name("t\($0)")], outputs: [$0 == 3 ? "y" : Name("t\($0 + 1)")]) }
        let simple = try checked(.of(calls, opset: 24, functions: [function]), "fuse-activations", "remove-dead-code")
        #expect(simple.functions.first?.nodes.map(\.opType) == ["Swish"])
    }
}
