import ModelGraph
import Simplification
import Tensors
import TestSupport
import Testing

struct FoldBatchNormalizationTests {
    private let pass = "fold-batch-normalization"
    private func parameters(_ channels: Int) -> [Tensor] {
        [.weights("g", [channels], seed: 2), .weights("be", [channels], seed: 3), .weights("mu", [channels], seed: 4), .positive("va", [channels], seed: 5)]
    }
    private let norm = Node("BatchNormalization", name: "bn", inputs: ["t", "g", "be", "mu", "va"], outputs: ["y"])

    @Test func foldsIntoConvWithoutBias() throws {
        let model = Model.of([Node("Conv", name: "c", inputs: ["x", "w"], outputs: ["t"]), norm], [.weights("w", [6, 3, 3, 3])] + parameters(6))
        #expect(try checked(model, pass, "remove-dead-code").operators == ["Conv"])
    }

    @Test func foldsIntoConvWithBiasAndGroups() throws {
        let conv = Node("Conv", inputs: ["x", "w", "b"], outputs: ["t"], attributes: [Attribute("group", .int(3))])
        let model = Model.of([conv, norm], [.weights("w", [6, 1, 2, 2]), .weights("b", [6])] + parameters(6))
        let simple = try checked(model, pass, "remove-dead-code")
        #expect(simple.operators == ["Conv"])
        #expect(simple.graph.initializers.count == 2)
    }

    @Test func foldsIntoTransposedConvWithGroups() throws {
        let conv = Node("ConvTranspose", inputs: ["x", "w", "b"], outputs: ["t"], attributes: [Attribute("group", .int(2))])
        let model = Model.of([conv, norm], [.weights("w", [4, 3, 2, 2]), .weights("b", [6])] + parameters(6), inputs: ["x": [2, 4, 4, 4]])
        #expect(try checked(model, pass).operators == ["ConvTranspose"])
    }

    @Test(arguments: [false, true]) func foldsIntoGemm(transposed: Bool) throws {
        let gemm = Node(
            "Gemm", inputs: ["x", "w", "b"], outputs: ["t"], attributes: [Attribute("transB", .int(transposed ? 1 : 0)), Attribute("beta", .float(0.5)), Attribute("alpha", .float(2))])
        let model = Model.of([gemm, norm], [.weights("w", transposed ? [6, 3] : [3, 6]), .weights("b", [6])] + parameters(6), inputs: ["x": [4, 3]])
        #expect(try checked(model, pass).operators == ["Gemm"])
    }

    @Test func makesGemmOfMatMul() throws {
        let model = Model.of([Node("MatMul", inputs: ["x", "w"], outputs: ["t"]), norm], [.weights("w", [3, 6])] + parameters(6), inputs: ["x": [4, 3]])
        #expect(try checked(model, pass).operators == ["Gemm"])
    }

    @Test func foldsLargeWeightsAsTheyAreRead() throws {
        let model = Model.of([Node("Conv", inputs: ["x", "w"], outputs: ["t"]), norm], [.weights("w", [512, 3, 16, 16])] + parameters(512), inputs: ["x": [1, 3, 16, 16]])
        #expect(try checked(model, pass).operators == ["Conv"])
    }

    @Test func keepsNamesOfOutputs() throws {
        let model = Model.of([Node("Conv", inputs: ["x", "w"], outputs: ["t"]), norm], [.weights("w", [6, 3, 3, 3])] + parameters(6))
        #expect(try model.simplified(pass).graph.nodes[0].outputs == ["y"])
    }

    @Test func leavesAloneWhatOthersRead() throws {
        let conv = Node("Conv", inputs: ["x", "w"], outputs: ["t"])
        let weights = [.weights("w", [6, 3, 3, 3])] + parameters(6)
        #expect(try checked(.of([conv, norm], weights, outputs: ["y", "t"]), pass).operators == ["Conv", "BatchNormalization"])
        let other = Node("Conv", inputs: ["x", "w"], outputs: ["z"])
        #expect(try checked(.of([conv, norm, other], weights, outputs: ["y", "z"]), pass).operators == ["Conv", "BatchNormalization", "Conv"])
    }

    @Test func leavesAloneParametersThatAreInputs() throws {
        let conv = Node("Conv", inputs: ["x", "w"], outputs: ["t"])
        let model = Model.of([conv, norm], [.weights("w", [6, 3, 3, 3])] + parameters(6).dropFirst(), inputs: ["x": [2, 3, 4, 4], "g": [6]])
        #expect(try checked(model, pass).operators == ["Conv", "BatchNormalization"])
    }

    @Test func leavesAloneTraining() throws {
        var training = norm
        training.attributes = [Attribute("training_mode", .int(1))]
        training.outputs = ["y", "m", "v"]
        let model = Model.of([Node("Conv", inputs: ["x", "w"], outputs: ["t"]), training], [.weights("w", [6, 3, 3, 3])] + parameters(6))
        #expect(try checked(model, pass).operators == ["Conv", "BatchNormalization"])
    }
}
