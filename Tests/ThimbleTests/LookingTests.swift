import ModelGraph
import Tensors
import Testing

@testable import Thimble

@Suite struct LookingTests {
    private static let nodes = [
        Node("If", name: "if", inputs: ["c"], outputs: ["y"], attributes: [
            Attribute("then_branch", .graph(Graph(name: "t", nodes: [Node("Relu", inputs: ["x"], outputs: ["r"])], outputs: [ValueInfo(name: "r", type: nil)])))
        ]),
        Node("Add", name: "evil\"];\n<b>", inputs: ["y", "w"], outputs: ["z"]),
    ]
    private static let model = Model(
        opsetImports: [OpsetImport(version: 17)], producerName: "test",
        graph: Graph(
            name: "g", nodes: nodes, inputs: [ValueInfo(name: "c", type: .tensor(.bool, [])), ValueInfo(name: "x", type: .tensor(.float, [4]))],
            outputs: [ValueInfo(name: "z", type: nil)], initializers: [Tensor(name: "w", .float, dims: [4], bytes: TensorBytes([UInt8](repeating: 1, count: 16)))]))

    @Test func drawsSubgraphsAndQuotesEveryName() {
        for style in GraphDrawing.allCases {
            let text = style.draw(Self.model)
            #expect(text.contains("Relu") && text.contains("If") && text.contains(style == .dot ? "then_branch" : "then#95;branch"))
            #expect(!text.contains("<b>") || style == .dot)
            #expect(text.split(separator: "\n").allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 } })
            // Quotes of labels are paired once escaped ones are gone.
            let open = text.split(separator: "\n").map { line in Array(line).indices.filter { i in Array(line)[i] == "\"" && (i == 0 || Array(line)[i - 1] != "\\") }.count }
            #expect(open.allSatisfy { $0 % 2 == 0 }, "\(text)")
        }
    }

    @Test func findsPathsButNoNodeNames() {
        var search = PathSearch()
        search.search("  File \"/home/me/project/model.py\", line 3, in forward\n (/opt/lib/x.so) https://example.com/a/b.html")
        search.search("/encoder/layer.0/attention/Add and C:\\Users\\me\\m.py /model/train.py")
        #expect(search.found == ["/home/me/project/model.py", "/opt/lib/x.so", "C:\\Users\\me\\m.py", "/model/train.py"])
    }

    @Test func countsTextThatNoRuntimeNeeds() {
        var collector = TextCollector()
        var model = Self.model
        model.docString = "made at /home/me/x/y.py"
        model.metadata = [KeyValue(key: "k", value: "vv")]
        collector.add(model)
        for node in model.graph.nodes { collector.add(node) }
        let share = collector.share
        #expect(share.kinds.map(\.name) == ["doc_string", "metadata_props", "node names"])
        #expect(share.kinds.map(\.byteCount) == [23, 3, 13])
        #expect(share.absolutePaths == ["/home/me/x/y.py"])
    }

    @Test func groupsEqualTensorsWithinItsBudget() throws {
        func candidate(_ bytes: [UInt8], _ row: Int) -> Duplicates.Candidate { .init(bytes: TensorBytes(bytes), row: row) }
        let a = [UInt8](repeating: 7, count: 1000)
        var almost = a
        almost[300] = 8
        let rows = (0..<4).map { Inspection.TensorRow(name: Name("t\($0)"), place: [], elementType: .uint8, dims: [1000], encoding: "plain", byteCount: 1000) }
        let found = try Duplicates.find([candidate(a, 0), candidate(almost, 1), candidate(a, 2), candidate([UInt8](repeating: 7, count: 63), 3)], rows: rows)
        #expect(found.groups.count == 1)
        #expect(found.groups[0].tensors.map(\.name) == ["t0", "t2"])
        #expect(found.groups[0].isProved && !found.groups[0].isStoredOnce)
        #expect(found.byteCount == 1000)
    }

    @Test func namesStructuralDifferences() {
        var changed = Self.model
        changed.opsetImports[0].version = 18
        changed.graph.nodes[1].inputs[1] = "v"
        changed.graph.nodes.append(Node("Relu", name: "new", inputs: ["z"], outputs: ["zz"]))
        if case .graph(var inner) = changed.graph.nodes[0].attributes[0].value {
            inner.nodes[0].opType = "Sigmoid"
            changed.graph.nodes[0].attributes[0].value = .graph(inner)
        }
        let sentences = Comparison(Self.model, changed, limit: 100).differences.map { ($0.place + [$0.sentence]).joined(separator: ": ") }
        #expect(sentences.contains("opset: 17 → 18"))
        #expect(sentences.contains("node 'new' added: Relu(z) → (zz)"))
        #expect(sentences.contains { $0.hasSuffix("Add(y, w) → (z) → Add(y, v) → (z)") })
        #expect(sentences.contains("node 'if' (If): attribute 'then_branch': node 'r': Relu(x) → (r) → Sigmoid(x) → (r)"))
        #expect(sentences.count == 4)
        #expect(Comparison(Self.model, Self.model, limit: 100).differences.isEmpty)
    }

    @Test func shortensPlacesThatAreVeryDeep() {
        let error = ModelError(.limit, "too deep", at: ["f.onnx"] + (0..<40).map { "level \($0)" })
        #expect(error.sentence.hasPrefix("f.onnx: level 0: ") && error.sentence.hasSuffix("level 39: too deep"))
        #expect(error.sentence.contains("… 31 more levels …"))
    }
}
