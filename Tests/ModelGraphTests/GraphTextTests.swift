import ModelGraph
import Tensors
import TestSupport
import Testing

@Suite struct GraphTextTests {
    @Test func writesAModelAsLines() throws {
        var model = Model.small {
            $0.producerName = "a b"
            $0.graph.initializers[0] = .floats("w", [4], [1, -0.5, .infinity, .nan])
            $0.graph.nodes[0].attributes = [Attribute("k", .ints([1, 2])), Attribute("s", .string([0x41, 0xff, 0x0a]))]
            $0.metadata = [KeyValue(key: "key", value: nil)]
        }
        let body = Graph(nodes: [Node("Relu", inputs: ["x", ""], outputs: ["p"])], outputs: [ValueInfo(name: "p", type: nil)])
        model.graph.nodes.append(Node("If", domain: "d", inputs: ["y"], outputs: ["z"], attributes: [Attribute("then_branch", .graph(body))]))
        #expect(
            try model.text() == """
                model ir_version 8, - 17
                producer_name 'a b'
                metadata key = -
                graph g
                  input x: FLOAT[1, 4]
                  initializer w: FLOAT[4] = [1.0, -0.5, inf, nan(0x7fc00000)]
                  y = MatMul(x, w) # mm
                    k = [1, 2]
                    s = 'A\\xff\\u{a}'
                  z = d::If(y)
                    then_branch = graph -
                      p = Relu(x, '')
                      output p
                  output y: FLOAT[1, 4]

                """)
    }

    @Test func tellsLargeTensorsApart() throws {
        let one = Model.small(), other = Model.small { $0.graph.initializers[0] = .floats("w", [4, 4], Array(repeating: 2, count: 16)) }
        #expect(try one.text().contains("initializer w: FLOAT[4, 4] = 64 bytes #"))
        #expect(try one.text() == Model.small().text())
        #expect(try one.text() != other.text())
    }

    @Test func keepsLongAndUnusualNamesApart() throws {
        let long = String(repeating: "n", count: 5_000)
        var texts: Set<String> = []
        for name in [long + "a" + long, long + "b" + long, "\u{e9}", "e\u{301}", "", "'", "\\'", "-"] {
            texts.insert(try Model.small { $0.graph.name = Name(name) }.text())
        }
        texts.insert(try Model.small { $0.graph.name = nil }.text())
        #expect(texts.count == 9)
    }
}
