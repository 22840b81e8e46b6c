import Compression
import ModelGraph
import TestSupport
import Tensors
import Testing

@Suite struct WeightSearchTests {
    private func tensor(_ name: Name?, _ dims: [Int]) -> Tensor {
        .floats(name, dims, (0..<dims.reduce(1, *)).map { Float($0 % 7) - 3 })
    }

    @Test func findsWeightsWhereverTheyStand() {
        let branch = Graph(
            name: "then",
            nodes: [
                Node("Constant", outputs: ["inner"], attributes: [Attribute("value", .tensor(tensor(nil, [32, 32])))]),
                Node("MatMul", inputs: ["x", "inner"], outputs: ["t"]),
            ], outputs: [ValueInfo(name: "t", type: nil)])
        var model = Model.small(
            Node("If", inputs: ["c"], outputs: ["y"], attributes: [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))]),
            initializers: [tensor("outer", [40, 32])])
        model.functions = [
            Function(
                name: "F", domain: "d", inputs: ["a"], outputs: ["b"],
                nodes: [
                    Node("Constant", outputs: ["w"], attributes: [Attribute("value", .tensor(tensor(nil, [32, 32])))]),
                    Node("Gemm", inputs: ["a", "w"], outputs: ["b"]),
                ])
        ]
        model.graph.nodes.append(Node("Gather", inputs: ["outer", "i"], outputs: ["z"]))
        let found = model.weights().filter { $0.reasonToStay == nil }
        #expect(found.map(\.name.text) == ["outer", "inner", "inner", "w"])
        #expect(found.map(\.users) == [["Gather"], ["MatMul"], ["MatMul"], ["Gemm"]])
    }

    @Test func saysWhyOthersStay() {
        let model = Model.small(
            Node("Conv", inputs: ["x", "w", "b"], outputs: ["y"]), Node("BatchNormalization", inputs: ["y", "s", "s", "s", "s"], outputs: ["z"]),
            initializers: [tensor("b", [600]), tensor("s", [600]), tensor("tiny", [4, 4]), tensor("loose", [1, 900]), tensor("used", [30, 30])])
        let reasons = Dictionary(model.weights().map { ($0.name.text, $0.reasonToStay) }) { $1 }
        #expect(reasons["b"] == "a bias")
        #expect(reasons["s"] == "of a normalization")
        #expect(reasons["tiny"]??.hasPrefix("fewer than") == true)
        #expect(reasons["loose"]??.hasPrefix("a vector") == true)
        #expect(reasons["used"] == .some(nil))
    }

    @Test func tiedTensorIsThereOnce() {
        let model = Model.small(
            Node("Gather", inputs: ["e", "i"], outputs: ["g"]), Node("Transpose", inputs: ["e"], outputs: ["et"], attributes: [Attribute("perm", .ints([1, 0]))]),
            Node("MatMul", inputs: ["g", "et"], outputs: ["y"]), initializers: [tensor("e", [100, 16])])
        let found = model.weights().filter { $0.name == "e" }
        #expect(found.count == 1)
        #expect(found.first?.users == ["Gather", "Transpose"])
    }
}
