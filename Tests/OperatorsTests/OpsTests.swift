import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

/// One case: a node and its constants, and what the error says; nil for none.
struct OpCase: Sendable, CustomTestStringConvertible {
    let op: Name
    let attributes: [Attribute]
    let constants: [Tensor]
    let opset: Int64
    let outputs: Int
    let expected: String?

    init(_ op: Name, _ expected: String?, _ attributes: [Attribute] = [], _ constants: [Tensor] = [], opset: Int64 = 17, outputs: Int = 1) {
        (self.op, self.attributes, self.constants, self.opset, self.outputs, self.expected) = (op, attributes, constants, opset, outputs, expected)
    }

    var testDescription: String { "\(op) \(expected ?? "is accepted")" }

    var findings: [Finding] {
        checkOperators(
            .small {
                $0.opsetImports = [OpsetImport(version: opset)]
                $0.graph.initializers = constants
                let inputs = ["x"] + constants.compactMap(\.name)
                $0.graph.nodes = [Node(op, inputs: inputs, outputs: (0..<outputs).map { Name("y\($0)") }, attributes: attributes)]
            })
    }
}

private func a(_ name: Name, _ value: AttributeValue) -> Attribute { Attribute(name, value) }
private func weights(_ dims: Int...) -> Tensor { .floats("w", dims, Array(repeating: 1, count: dims.reduce(1, *))) }
private let conv = weights(2, 1, 3, 3)

private let windowCases = [
    OpCase("Conv", nil, [], [conv]),
    OpCase("Conv", nil, [a("strides", .ints([2, 2])), a("pads", .ints([1, 1, 1, 1])), a("group", .int(2)), a("kernel_shape", .ints([3, 3]))], [conv]),
    OpCase("Conv", "'strides' has 0, 1 to 2^31", [a("strides", .ints([0, 1]))], [conv]),
    OpCase("Conv", "'strides' has 1 number, 2 are expected", [a("strides", .ints([1]))], [conv]),
    OpCase("Conv", "'group' is 0", [a("group", .int(0))], [conv]),
    OpCase("Conv", "it must divide the 2 output channels", [a("group", .int(3))], [conv]),
    OpCase("Conv", "'pads' has -9", [a("pads", .ints([-9, 0, 0, 0]))], [conv]),
    OpCase("Conv", "'pads' has 1 number, 4 are expected", [a("pads", .ints([1]))], [conv]),
    OpCase("Conv", "'dilations' has 4611686018427387904", [a("dilations", .ints([1 << 62, 1]))], [conv]),
    OpCase("Conv", "the weights' window is [3, 3]", [a("kernel_shape", .ints([3, 5]))], [conv]),
    OpCase("Conv", "'auto_pad' is 'SAME'", [a("auto_pad", .string(Array("SAME".utf8)))], [conv]),
    OpCase("Conv", "weights have 2 dimensions", [], [weights(2, 1)]),
    OpCase("ConvTranspose", nil, [a("group", .int(3))], [conv]),
    OpCase("ConvTranspose", "'output_padding' has -1", [a("output_padding", .ints([-1, 0]))], [conv]),
    OpCase("MaxPool", nil, [a("kernel_shape", .ints([2, 2])), a("strides", .ints([2, 2]))]),
    OpCase("MaxPool", "'kernel_shape' has 0", [a("kernel_shape", .ints([0, 2]))]),
    OpCase("MaxPool", "reaches further than 2^48", [a("kernel_shape", .ints([1 << 30, 1])), a("dilations", .ints([1 << 30, 1]))]),
    OpCase("AveragePool", "'pads' has 2 numbers, 4 are expected", [a("kernel_shape", .ints([2, 2])), a("pads", .ints([1, 1]))]),
]

private let shapeCases = [
    OpCase("Reshape", nil, [], [.ints("s", [2], [-1, 4])]),
    OpCase("Reshape", nil, [], [.ints("s", [2], [0, 4])]),
    OpCase("Reshape", "2 times -1", [], [.ints("s", [2], [-1, -1])]),
    OpCase("Reshape", "holds -2", [], [.ints("s", [2], [-2, 4])]),
    OpCase("Reshape", "more than 2^48 elements", [], [.ints("s", [3], [-1, 1 << 33, 1 << 33])]),
    OpCase("Reshape", "holds -9223372036854775808", [], [.ints("s", [1], [.min])]),
    OpCase("Transpose", nil, [a("perm", .ints([1, 0]))]),
    OpCase("Transpose", "'perm' is [0, 7]", [a("perm", .ints([0, 7]))]),
    OpCase("Transpose", "each of 0 to 1 once", [a("perm", .ints([0, 0]))]),
    OpCase("Transpose", "the input has 2 dimensions", [a("perm", .ints([0, 2, 1]))]),
    OpCase("Softmax", nil, [a("axis", .int(-2))]),
    OpCase("Softmax", "-2 to 1 is expected", [a("axis", .int(2))]),
    OpCase("Flatten", nil, [a("axis", .int(2))]),
    OpCase("Flatten", "-2 to 2 is expected", [a("axis", .int(3))]),
    OpCase("Split", nil, [a("axis", .int(1))], [.ints("s", [2], [1, 3])], outputs: 2),
    OpCase("Split", "splits into 2 parts", [], [.ints("s", [2], [1, 3])], outputs: 3),
    OpCase("Split", "holds -1", [a("split", .ints([-1, 2]))], opset: 11, outputs: 2),
    OpCase("Gemm", nil, [], [weights(4, 4)]),
    OpCase("Gemm", "input 1 has 1 dimension,", [], [weights(4)]),
    OpCase("DepthToSpace", "'blocksize' is 0", [a("blocksize", .int(0))]),
    OpCase("SpaceToDepth", nil, [a("blocksize", .int(2))]),
]

private let otherCases = [
    OpCase("Cast", nil, [a("to", .int(1))]),
    OpCase("Cast", "'to' is 0", [a("to", .int(0))]),
    OpCase("Cast", "'to' is 4294967297", [a("to", .int(1 << 32 + 1))]),
    OpCase("LSTM", "'hidden_size' is 0", [a("hidden_size", .int(0))], [weights(1, 8, 4), .floats("r", [1, 8, 2], Array(repeating: 0, count: 16))]),
    OpCase("GRU", "'direction' is 'up'", [a("direction", .string(Array("up".utf8)))], [weights(1, 6, 4), .floats("r", [1, 6, 2], Array(repeating: 0, count: 12))]),
    OpCase("GroupNormalization", "'num_groups' is 0", [a("num_groups", .int(0)), a("epsilon", .float(1e-5))], [weights(4), .floats("b", [4], [0, 0, 0, 0])], opset: 21),
]

@Suite struct OpsTests {
    @Test(arguments: windowCases + shapeCases + otherCases)
    func checksValuesOfAttributesAndConstants(each: OpCase) {
        let found = each.findings.errors
        if let expected = each.expected {
            #expect(found.contains { $0.contains(expected) }, "\(found)")
        } else {
            #expect(found == [])
        }
    }

    @Test func readsTheShapeOutOfAConstantNode() {
        let shape = Node("Constant", outputs: ["s"], attributes: [Attribute("value", .tensor(.ints(nil, [2], [-1, -1])))])
        #expect(checkOperators(.small(shape, Node("Reshape", inputs: ["x", "s"], outputs: ["y"]))).errors.count == 1)
    }

    @Test func letsAFunctionsCallerGiveTheValue() {
        let node = Node("Cast", inputs: ["a"], outputs: ["b"], attributes: [Attribute("to", .int(0), hasValue: false, referenceName: "to")])
        let function = Function(name: "F", domain: "f", inputs: ["a"], outputs: ["b"], attributeNames: ["to"], nodes: [node], opsetImports: [OpsetImport(version: 17)])
        #expect(checkOperators(.small { $0.functions = [function] }) == [])
    }

    @Test(arguments: [Float.nan, 0, -1, .infinity])
    func warnsOfScalesThatAreNoPositiveNumber(scale: Float) {
        let one = OpCase("DequantizeLinear", nil, [], [.floats("s", [], [scale])])
        #expect(one.findings.errors == [])
        #expect(one.findings.warnings.first?.contains("a positive number is expected") == true)
    }

    @Test func refusesBodiesThatDoNotFitTheirNode() {
        func body(_ inputs: Int, _ outputs: Int) -> AttributeValue {
            func infos(_ kind: String, _ count: Int) -> [ValueInfo] { (0..<count).map { ValueInfo(name: Name("\(kind)\($0)"), type: nil) } }
            return .graph(Graph(inputs: infos("i", inputs), outputs: infos("o", outputs)))
        }
        func found(_ op: Name, _ inputs: [Name], _ attributes: [Attribute]) -> [String] {
            checkOperators(.small(Node(op, inputs: inputs, outputs: ["y"], attributes: attributes))).errors
        }
        #expect(found("If", ["x"], [a("then_branch", body(0, 1)), a("else_branch", body(0, 1))]) == [])
        #expect(found("If", ["x"], [a("then_branch", body(0, 1)), a("else_branch", body(0, 2))]).first?.contains("a graph of 2 outputs, 1 are expected") == true)
        #expect(found("Loop", ["", "", "x"], [a("body", body(3, 2))]) == [])
        #expect(found("Loop", ["", "", "x"], [a("body", body(2, 2))]).first?.contains("a graph of 2 inputs, 3 are expected") == true)
        #expect(found("Scan", ["x"], [a("body", body(1, 1)), a("num_scan_inputs", .int(1))]) == [])
        #expect(found("Scan", ["x"], [a("body", body(1, 1)), a("num_scan_inputs", .int(.min))]).first?.contains("1 to 1 is expected") == true)
    }

    /// Numbers at the ends of their range, lists of odd lengths, constants of odd shapes: every operator ends in findings.
    @Test func survivesExtremeValuesInEveryOperator() {
        var random = SeededRandom()
        let extremes: [Int64] = [.min, .min + 1, -(1 << 32), -2, -1, 0, 1, 2, 1 << 31, 1 << 48, 1 << 62, .max - 1, .max]
        func list() -> [Int64] { (0..<Int.random(in: 0...5, using: &random)).map { _ in extremes.randomElement(using: &random) ?? 0 } }
        for line in OperatorSchemas.lines.description.split(separator: "\n") {
            guard let schema = OperatorSchema(line: String(line)) else { continue }
            for _ in 0..<8 {
                let values = list()
                let constants: [Tensor] = [
                    .ints("i", [values.count], values), .floats("f", [], [.nan]), .floats("e", [0, 0, 0], []), .floats("w", [1, 1, 2, 2], [0, 1, 2, 3]),
                ]
                let names = [Name("x"), "", "nothing"] + constants.compactMap(\.name)
                let attributes = schema.attributes.compactMap { fact -> Attribute? in
                    switch fact.type {
                    case 2: Attribute(fact.name, .int(extremes.randomElement(using: &random) ?? 0))
                    case 7: Attribute(fact.name, .ints(list()))
                    case 3: Attribute(fact.name, .string([0xff]))
                    case 5: Attribute(fact.name, .graph(Graph()))
                    default: nil
                    }
                }
                let inputs = (0..<Int.random(in: 0...6, using: &random)).map { _ in names.randomElement(using: &random) ?? "" }
                let model = Model.small {
                    $0.opsetImports = [OpsetImport(domain: schema.domain, version: schema.sinceVersion)]
                    $0.graph.initializers = constants
                    $0.graph.nodes = [Node(schema.name, domain: schema.domain, inputs: inputs, outputs: ["y"], attributes: attributes)]
                }
                #expect(checkModel(model).count < 100, "\(line), seed \(random.seed)")
            }
        }
    }
}
