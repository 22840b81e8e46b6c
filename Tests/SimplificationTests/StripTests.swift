import ModelGraph
import Operators
import Simplification
import Tensors
import TestSupport
import Testing

/// What no runtime needs goes, what callers look for stays.
struct StripTests {
    private var model: Model {
        let branch = Graph(
            name: "b", nodes: [Node("Mul", name: "/inner/Mul", inputs: ["/long/name/of/relu", "weight"], outputs: ["/inner/product"])], outputs: [ValueInfo(name: "/inner/product", type: .tensor(.float))],
            docString: "inner text")
        var choice = Node("If", name: "/choice", inputs: ["b"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))])
        choice.docString = "/home/author/model.py:3"
        var model = Model.of([Node("Relu", name: "/layer/Relu", inputs: ["x"], outputs: ["/long/name/of/relu"]), choice], [.weights("weight", [4])], inputs: ["x": [2, 4], "b": []])
        model.docString = "made by me"
        model.metadata = [KeyValue(key: "labels", value: "cat,dog")]
        model.graph.nodes[0].metadata = [KeyValue(key: "pkg.torch.onnx.stack_trace", value: "File /home/author/x.py")]
        model.graph.valueInfos = [ValueInfo(name: "/long/name/of/relu", type: .tensor(.float, [2, 4]))]
        return model
    }

    @Test func dropsTextAndKeepsWhatIsAskedFor() throws {
        let bare = strip(model)
        #expect(bare.docString == nil && bare.graph.valueInfos.isEmpty)
        #expect(bare.graph.nodes.allSatisfy { $0.name == nil && $0.docString == nil && $0.metadata.isEmpty })
        // The model's own metadata may hold labels.
        #expect(bare.metadata == model.metadata)
        #expect(bare.graph.inputs.map(\.name) == ["x", "b"] && bare.graph.outputs.map(\.name) == ["y"] && bare.graph.initializers.map(\.name) == ["weight"])
        #expect(bare.graph.nodes[0].outputs == ["a"])
        guard case .graph(let branch)? = bare.graph.nodes[1].attribute("then_branch")?.value else { Issue.record("no branch"); return }
        // A captured value has its new name inside, too.
        #expect(branch.docString == nil && branch.nodes[0].inputs == ["a", "weight"] && branch.nodes[0].outputs == branch.outputs.map { $0.name ?? "" })
        #expect(checkModel(bare).errors == [])
        for (before, after) in zip(try model.outputs(), try bare.outputs()) {
            guard case .tensor(let a) = before, case .tensor(let b) = after else { Issue.record("no tensors"); return }
            #expect(try a.plainBytes() == b.plainBytes())
        }
    }

    @Test func keepsNamesThatAnnotationsUse() {
        var annotated = model
        annotated.graph.quantizationAnnotations = [QuantizationAnnotation(tensorName: "/long/name/of/relu", parameters: [])]
        #expect(strip(annotated).graph.nodes[0].outputs == ["/long/name/of/relu"])
    }
}
