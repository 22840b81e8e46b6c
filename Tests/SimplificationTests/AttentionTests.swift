import ModelGraph
import Simplification
import Tensors
import TestSupport
import Testing

/// Scaled dot-product attention as exporters write it, and what keeps it from being one node.
struct AttentionTests {
    private func transpose(_ from: Name, _ to: Name, _ perm: [Int64]) -> Node { Node("Transpose", inputs: [from], outputs: [to], attributes: [Attribute("perm", .ints(perm))]) }

    /// Heads of [2, 5, 12] as Transformers exports them: 3 heads of size 4.
    private func split(_ name: Name, _ perm: [Int64]) -> [Node] {
        [Node("Reshape", inputs: [name, "heads"], outputs: [Name(name.text + "4")]), transpose(Name(name.text + "4"), Name(name.text + "h"), perm)]
    }

    private var heads: [Tensor] { [.ints("heads", [4], [0, 0, 3, 4]), .ints("all", [3], [0, 0, 12]), .floats("s", [], [2])] }
    private let joined: KeyValuePairs<Name, [Int64]> = ["q": [2, 5, 12], "k": [2, 5, 12], "v": [2, 5, 12], "m": [2, 1, 1, 5]]

    private func steps(_ scores: [Node], last: Name) -> [Node] {
        split("q", [0, 2, 1, 3]) + split("k", [0, 2, 3, 1]) + split("v", [0, 2, 1, 3]) + scores
            + [
                Node("Softmax", inputs: [last], outputs: ["p"], attributes: [Attribute("axis", .int(-1))]), Node("MatMul", inputs: ["p", "vh"], outputs: ["o"]),
                transpose("o", "ot", [0, 2, 1, 3]), Node("Reshape", inputs: ["ot", "all"], outputs: ["y"]),
            ]
    }

    private var masked: [Node] {
        [Node("MatMul", inputs: ["qh", "kh"], outputs: ["a"]), Node("Div", inputs: ["a", "s"], outputs: ["b"]), Node("Add", inputs: ["b", "m"], outputs: ["c"])]
    }

    @Test func becomesOneNodeWithItsHeads() throws {
        let model = Model.of(steps(masked, last: "c"), heads, inputs: joined, opset: 23)
        let simple = try checked(model)
        // The mask is one for all queries; runtimes ask for a row each.
        #expect(simple.operators == ["Expand", "Attention"])
        #expect(simple.graph.nodes[1].attribute("q_num_heads")?.value == .int(3))
        // 1/2 is what the operator takes for heads of size 4.
        #expect(simple.graph.nodes[1].attribute("scale") == nil)
    }

    @Test func readsLengthsThatAreOpen() throws {
        let open: KeyValuePairs<Name, [Int64]> = ["q": [2, -1, 12], "k": [2, -1, 12], "v": [2, -1, 12], "m": [2, 1, 1, -1]]
        #expect(try checked(.of(steps(masked, last: "c"), heads, inputs: open, opset: 24)).operators == ["Shape", "Concat", "Expand", "Attention"])
    }

    @Test func takesMasksOfAllQueriesAsTheyAre() throws {
        let full: KeyValuePairs<Name, [Int64]> = ["q": [2, 5, 12], "k": [2, 5, 12], "v": [2, 5, 12], "m": [5, 5]]
        #expect(try checked(.of(steps(masked, last: "c"), heads, inputs: full, opset: 23)).operators == ["Attention"])
    }

    /// d^-1/4 on queries and keys, as scaled_dot_product_attention of PyTorch is exported.
    @Test func findsScalesOnQueriesAndKeys() throws {
        let scores = [
            Node("Mul", inputs: ["qh", "r"], outputs: ["qs"]), Node("Mul", inputs: ["r", "kh"], outputs: ["ks"]), Node("MatMul", inputs: ["qs", "ks"], outputs: ["a"]),
        ]
        let simple = try checked(.of(steps(scores, last: "a"), heads + [.floats("r", [1], [0.6])], inputs: joined, opset: 23))
        #expect(simple.operators == ["Attention"])
        #expect(simple.graph.nodes[0].attribute("scale")?.value == .float(Float(Double(Float(0.6)) * Double(Float(0.6)))))
    }

    @Test func takesHeadsThatAreNotSplitHere() throws {
        let nodes = [
            transpose("k", "kt", [0, 1, 3, 2]), Node("MatMul", inputs: ["q", "kt"], outputs: ["a"]), Node("Mul", inputs: ["a", "s"], outputs: ["b"]),
            Node("Softmax", inputs: ["b"], outputs: ["p"], attributes: [Attribute("axis", .int(3))]), Node("MatMul", inputs: ["p", "v"], outputs: ["y"]),
        ]
        let inputs: KeyValuePairs<Name, [Int64]> = ["q": [2, 3, 5, 4], "k": [2, 3, 6, 4], "v": [2, 3, 6, 7]]
        let simple = try checked(.of(nodes, heads, inputs: inputs, opset: 23))
        #expect(simple.operators == ["Attention"])
        #expect(simple.graph.nodes[0].attribute("scale")?.value == .float(2))
    }

    @Test func staysInOlderOperatorSets() throws {
        #expect(try checked(.of(steps(masked, last: "c"), heads, inputs: joined, opset: 22)).operators.contains("Softmax"))
    }

    @Test func staysWhereItIsNotSure() throws {
        // The mask is scaled too.
        let scaledMask = [Node("MatMul", inputs: ["qh", "kh"], outputs: ["a"]), Node("Add", inputs: ["a", "m"], outputs: ["b"]), Node("Div", inputs: ["b", "s"], outputs: ["c"])]
        #expect(try checked(.of(steps(scaledMask, last: "c"), heads, inputs: joined, opset: 23)).operators.contains("Softmax"))
        // Somebody looks at the probabilities.
        #expect(try checked(.of(steps(masked, last: "c"), heads, inputs: joined, outputs: ["y", "p"], opset: 23)).operators.contains("Softmax"))
        // Softmax over another axis.
        var nodes = steps(masked, last: "c")
        nodes[9].attributes = [Attribute("axis", .int(1))]
        #expect(nodes[9].opType == "Softmax")
        #expect(try checked(.of(nodes, heads, inputs: joined, opset: 23)).operators.contains("Softmax"))
        // One head for all queries is another operator's broadcast.
        let nodesOfOne = [transpose("k", "kt", [0, 1, 3, 2]), Node("MatMul", inputs: ["q", "kt"], outputs: ["a"]), Node("Softmax", inputs: ["a"], outputs: ["p"]), Node("MatMul", inputs: ["p", "v"], outputs: ["y"])]
        let one: KeyValuePairs<Name, [Int64]> = ["q": [2, 3, 5, 4], "k": [2, 1, 6, 4], "v": [2, 1, 6, 7]]
        #expect(try checked(.of(nodesOfOne, inputs: one, opset: 23)).operators.contains("Softmax"))
    }

    @Test func saysWhatDoesNotPay() throws {
        // Product, mask, softmax, product: an Attention and three nodes for the length would be as many.
        let scores = [Node("MatMul", inputs: ["q", "kt"], outputs: ["a"]), Node("Add", inputs: ["a", "m"], outputs: ["b"])]
        let nodes = [transpose("k", "kt", [0, 2, 3, 1])] + scores + [Node("Softmax", inputs: ["b"], outputs: ["p"]), Node("MatMul", inputs: ["p", "v"], outputs: ["y"])]
        let inputs: KeyValuePairs<Name, [Int64]> = ["q": [2, 3, -1, 4], "k": [2, -1, 3, 4], "v": [2, 3, -1, 4], "m": [2, 1, 1, -1]]
        let (simple, report) = try simplify(.of(nodes, inputs: inputs, opset: 23))
        #expect(simple.operators.contains("Softmax"))
        #expect(report.passes.first { $0.name == "fuse-attention" }?.leftAlone.isEmpty == false)
    }
}
