import ModelGraph
import Simplification
import Tensors
import TestSupport
import Testing

/// Passes that take nodes out or make one of two. Each numbered rule of a pass has a case; so has each condition that it respects.
struct RewritingTests {
    private func shape(_ name: Name, _ values: [Int64]) -> Tensor { .ints(name, [values.count], values) }

    // MARK: identities

    @Test func removesNodesThatChangeNothing() throws {
        let model = Model.of(
            [
                Node("Identity", inputs: ["x"], outputs: ["a"]), Node("Dropout", inputs: ["a"], outputs: ["b"]), Node("Cast", inputs: ["b"], outputs: ["c"], attributes: [Attribute("to", .int(1))]),
                Node("Transpose", inputs: ["c"], outputs: ["d"], attributes: [Attribute("perm", .ints([0, 1, 2, 3]))]), Node("Reshape", inputs: ["d", "s"], outputs: ["e"]),
                Node("Add", inputs: ["zero", "e"], outputs: ["f"]), Node("Mul", inputs: ["f", "one"], outputs: ["g"]), Node("Pad", inputs: ["g", "pads"], outputs: ["h"]),
                Node("Slice", inputs: ["h", "from", "to"], outputs: ["i"]), Node("Concat", inputs: ["i"], outputs: ["j"], attributes: [Attribute("axis", .int(1))]),
                Node("Relu", inputs: ["j"], outputs: ["y"]),
            ],
            [shape("s", [2, 3, 4, 4]), .floats("zero", [], [0]), .floats("one", [1], [1]), shape("pads", [0, 0, 0, 0, 0, 0, 0, 0]), shape("from", [0]), shape("to", [2])])
        #expect(try checked(model, "remove-identities").operators == ["Relu"])
    }

    @Test func keepsACopyBetweenInputAndOutput() throws {
        #expect(try checked(.of([Node("Identity", inputs: ["x"], outputs: ["y"])])).operators == ["Identity"])
        #expect(try checked(.of([Node("Reshape", inputs: ["x", "s"], outputs: ["y"])], [shape("s", [2, 3, 4, 4])])).operators == ["Identity"])
    }

    @Test func keepsASumThatWidens() throws {
        let model = Model.of([Node("Add", inputs: ["x", "zero"], outputs: ["y"])], [.floats("zero", [2, 1], [0, 0])], inputs: ["x": [3]])
        #expect(try checked(model).operators == ["Add"])
    }

    @Test func keepsOneValueThatIsTwoOutputs() throws {
        let model = Model.of([Node("Relu", inputs: ["x"], outputs: ["y"]), Node("Identity", inputs: ["y"], outputs: ["z"])], outputs: ["y", "z"])
        #expect(try checked(model).operators == ["Relu", "Identity"])
    }

    // MARK: merging

    @Test func cancelsTransposes() throws {
        func transpose(_ from: Name, _ to: Name, _ perm: [Int64]) -> Node { Node("Transpose", inputs: [from], outputs: [to], attributes: [Attribute("perm", .ints(perm))]) }
        let there = Model.of([Node("Relu", inputs: ["x"], outputs: ["r"]), transpose("r", "t", [0, 2, 3, 1]), transpose("t", "y", [0, 3, 1, 2])])
        #expect(try checked(there).operators == ["Relu"])
        let on = Model.of([transpose("x", "t", [0, 2, 3, 1]), transpose("t", "y", [1, 0, 2, 3])])
        #expect(try checked(on).operators == ["Transpose"])
    }

    @Test func takesTransposesIntoGemm() throws {
        let model = Model.of(
            [Node("Transpose", inputs: ["x"], outputs: ["t"]), Node("Gemm", inputs: ["t", "z"], outputs: ["y"], attributes: [Attribute("transA", .int(0))])], inputs: ["x": [3, 4], "z": [3, 5]])
        #expect(try checked(model).operators == ["Gemm"])
    }

    @Test func mergesReshapes() throws {
        let model = Model.of(
            [
                Node("Flatten", inputs: ["x"], outputs: ["a"]), Node("Reshape", inputs: ["a", "s"], outputs: ["b"]), Node("Unsqueeze", inputs: ["b", "axes"], outputs: ["c"]),
                Node("Squeeze", inputs: ["c", "axes"], outputs: ["y"]),
            ], [shape("s", [4, -1]), shape("axes", [0])])
        #expect(try checked(model).operators == ["Reshape"])
    }

    @Test func mergesCastsThatLoseNothing() throws {
        func cast(_ from: Name, _ to: Name, _ type: Int64) -> Node { Node("Cast", inputs: [from], outputs: [to], attributes: [Attribute("to", .int(type))]) }
        #expect(try checked(.of([cast("x", "a", 11), cast("a", "y", 7)])).operators == ["Cast"])
        // FLOAT16 loses digits of FLOAT.
        #expect(try checked(.of([cast("x", "a", 10), cast("a", "y", 1)])).operators == ["Cast", "Cast"])
    }

    @Test func mergesSlicesAndConcats() throws {
        let slices = Model.of(
            [Node("Slice", inputs: ["x", "one", "two", "a0"], outputs: ["a"]), Node("Slice", inputs: ["a", "one", "two", "a1"], outputs: ["y"])],
            [shape("one", [1]), shape("two", [2]), shape("a0", [0]), shape("a1", [1])])
        #expect(try checked(slices).operators == ["Slice"])
        let axis = [Attribute("axis", .int(1))]
        let concats = Model.of([Node("Concat", inputs: ["x", "z"], outputs: ["a"], attributes: axis), Node("Concat", inputs: ["a", "x"], outputs: ["y"], attributes: [Attribute("axis", .int(-3))])], inputs: ["x": [2, 3, 4, 4], "z": [2, 2, 4, 4]])
        #expect(try checked(concats).operators == ["Concat"])
    }

    @Test func mergesSumsAndProducts() throws {
        let model = Model.of(
            [Node("Mul", inputs: ["x", "a"], outputs: ["p"]), Node("Mul", inputs: ["b", "p"], outputs: ["q"]), Node("Relu", inputs: ["q"], outputs: ["y"])], [.floats("a", [], [3]), .weights("b", [4])])
        #expect(try checked(model).operators == ["Mul", "Relu"])
        let cancelling = Model.of(
            [Node("Add", inputs: ["x", "a"], outputs: ["p"]), Node("Add", inputs: ["b", "p"], outputs: ["y"])], [.floats("a", [], [3e8]), .floats("b", [], [-3e8])])
        #expect(try checked(cancelling).operators == ["Add", "Add"])
    }

    @Test func computesOnceWhatIsComputedTwice() throws {
        let model = Model.of(
            [
                Node("Relu", inputs: ["x"], outputs: ["a"]), Node("Relu", inputs: ["x"], outputs: ["b"]), Node("Exp", inputs: ["a"], outputs: ["c"]), Node("Exp", inputs: ["b"], outputs: ["d"]),
                Node("Add", inputs: ["c", "d"], outputs: ["y"]),
            ])
        #expect(try checked(model, "share-subexpressions").operators == ["Relu", "Exp", "Add"])
        let random = Model.of(
            [
                Node("RandomNormalLike", inputs: ["x"], outputs: ["a"], attributes: [Attribute("seed", .float(1))]), Node("RandomNormalLike", inputs: ["x"], outputs: ["b"], attributes: [Attribute("seed", .float(1))]),
                Node("Sub", inputs: ["a", "b"], outputs: ["y"]),
            ])
        #expect(try random.simplified().operators.count == 3)
    }

    // MARK: linear nodes

    @Test func foldsScalesAndBiases() throws {
        let model = Model.of(
            [
                Node("Conv", inputs: ["x", "w"], outputs: ["a"]), Node("Mul", inputs: ["a", "s"], outputs: ["b"]), Node("Add", inputs: ["t", "b"], outputs: ["c"]), Node("Div", inputs: ["c", "two"], outputs: ["d"]),
                Node("Sub", inputs: ["d", "t"], outputs: ["y"]),
            ], [.weights("w", [6, 3, 3, 3]), .positive("s", [6, 1, 1]), .weights("t", [1, 6, 1, 1]), .floats("two", [], [2])])
        #expect(try checked(model).operators == ["Conv"])
        let wide = Model.of(
            [Node("Conv", inputs: ["x", "w"], outputs: ["a"]), Node("Add", inputs: ["a", "t"], outputs: ["y"])], [.weights("w", [6, 3, 3, 3]), .weights("t", [6, 2, 1])])
        #expect(try checked(wide).operators == ["Conv", "Add"])
    }

    @Test func foldsPadding() throws {
        func model(_ value: Float, _ pads: [Int64]) -> Model {
            .of(
                [Node("Pad", inputs: ["x", "p", "v"], outputs: ["a"]), Node("Conv", inputs: ["a", "w"], outputs: ["y"], attributes: [Attribute("pads", .ints([1, 0, 1, 0]))])],
                [shape("p", pads), .floats("v", [], [value]), .weights("w", [6, 3, 3, 3])])
        }
        #expect(try checked(model(0, [0, 0, 1, 2, 0, 0, 0, 1])).operators == ["Conv"])
        #expect(try checked(model(1, [0, 0, 1, 2, 0, 0, 0, 1])).operators == ["Pad", "Conv"])
        #expect(try checked(model(0, [1, 0, 1, 2, 0, 0, 0, 1])).operators == ["Pad", "Conv"])
    }

    @Test func makesGemmOfMatMulAndAdd() throws {
        let nodes = [Node("MatMul", inputs: ["x", "w"], outputs: ["a"]), Node("Add", inputs: ["b", "a"], outputs: ["y"])]
        let weights: [Tensor] = [.weights("w", [3, 6]), .weights("b", [6])]
        #expect(try checked(.of(nodes, weights, inputs: ["x": [-1, 3]])).operators == ["Gemm"])
        #expect(try checked(.of(nodes, weights, inputs: ["x": [2, 4, 3]])).operators == ["MatMul", "Add"])
        #expect(try checked(.of(nodes, [.weights("w", [3, 6]), .weights("b", [2, 1, 6])], inputs: ["x": [4, 3]])).operators == ["MatMul", "Add"])
    }

    // MARK: patterns

    private var layerNormalization: [Node] {
        [
            Node("ReduceMean", inputs: ["x"], outputs: ["m"], attributes: [Attribute("axes", .ints([-1]))]), Node("Sub", inputs: ["x", "m"], outputs: ["d"]),
            Node("Pow", inputs: ["d", "two"], outputs: ["q"]), Node("ReduceMean", inputs: ["q"], outputs: ["v"], attributes: [Attribute("axes", .ints([-1]))]),
            Node("Add", inputs: ["v", "eps"], outputs: ["e"]), Node("Sqrt", inputs: ["e"], outputs: ["r"]), Node("Div", inputs: ["d", "r"], outputs: ["n"]),
            Node("Mul", inputs: ["n", "g"], outputs: ["s"]), Node("Add", inputs: ["s", "b"], outputs: ["y"]),
        ]
    }

    @Test func recognisesLayerNormalization() throws {
        let weights: [Tensor] = [.floats("two", [], [2]), .floats("eps", [], [1e-5]), .weights("g", [4]), .weights("b", [4], seed: 9)]
        #expect(try checked(.of(layerNormalization, weights)).operators == ["LayerNormalization"])
        #expect(try checked(.of(layerNormalization, weights, opset: 16)).operators.count == 9)
        #expect(try checked(.of(layerNormalization, weights, outputs: ["y", "r"])).operators.count == 9)
    }

    @Test func recognisesActivations() throws {
        let gelu = [
            Node("Div", inputs: ["x", "root"], outputs: ["a"]), Node("Erf", inputs: ["a"], outputs: ["b"]), Node("Add", inputs: ["b", "one"], outputs: ["c"]), Node("Mul", inputs: ["x", "c"], outputs: ["d"]),
            Node("Mul", inputs: ["d", "half"], outputs: ["y"]),
        ]
        let numbers: [Tensor] = [.floats("root", [], [Float(2).squareRoot()]), .floats("one", [], [1]), .floats("half", [], [0.5])]
        #expect(try checked(.of(gelu, numbers, opset: 20)).operators == ["Gelu"])
        #expect(try checked(.of(gelu, numbers, opset: 19)).operators.count == 5)
        let hard = [Node("HardSigmoid", inputs: ["x"], outputs: ["a"], attributes: [Attribute("alpha", .float(1.0 / 6))]), Node("Mul", inputs: ["a", "x"], outputs: ["y"])]
        #expect(try checked(.of(hard, opset: 14)).operators == ["HardSwish"])
        #expect(try checked(.of(hard, opset: 13)).operators.count == 2)
        let swish = [Node("Sigmoid", inputs: ["x"], outputs: ["a"]), Node("Mul", inputs: ["x", "a"], outputs: ["y"])]
        #expect(try checked(.of(swish, opset: 24)).operators == ["Swish"])
        #expect(try checked(.of(swish, opset: 23)).operators.count == 2)
    }
}
