import ModelGraph
import Tensors
import TestSupport
import Testing

@Suite struct ValueCheckTests {
    @Test func refusesUnknownElementTypesAtAnyDepth() {
        let type = ValueType(.sequence(ValueType(.map(key: .int64, value: .tensor(ElementType(rawValue: 555))))))
        for type in [.tensor(ElementType(rawValue: 555)), type] {
            let found = Model.small { $0.graph.inputs[0].type = type }.check().errors
            #expect(found.count == 1)
            #expect(found[0].contains("unknown data type 555"))
        }
    }

    @Test func warnsOfOddTypes() {
        func warnings(_ change: (inout Model) -> Void) -> [String] {
            let found = Model.small(change).check()
            #expect(found.errors == [])
            return found.warnings
        }
        #expect(warnings { $0.graph.inputs[0].type = nil }.first?.contains("has no type") == true)
        #expect(warnings { $0.graph.inputs[0].type = .tensor(.float, [-1, 4]) }.first?.contains("negative dimension (first: -1 in 'x')") == true)
        #expect(warnings { $0.graph.valueInfos = [ValueInfo(name: "y", type: .tensor(.float, [7]))] }.count == 1)
        #expect(warnings { $0.graph.valueInfos = [ValueInfo(name: "y", type: .tensor(.int64))] }.count == 1)
        #expect(warnings { $0.graph.valueInfos = [ValueInfo(name: "y", type: .tensor(.float))] } == [])
        #expect(warnings { $0.graph.outputs = [] }.first?.contains("no outputs") == true)
        #expect(warnings { $0.metadata = [] ; $0.graph.metadata = Array(repeating: KeyValue(key: "k", value: "v"), count: 9) }.first?.contains("8 entries") == true)
        #expect(warnings { $0.metadata = Array(repeating: KeyValue(key: "k", value: "v"), count: 2) }.first?.contains("1 entry") == true)
    }

    @Test func refusesInputsWithoutName() {
        #expect(Model.small { $0.graph.inputs.append(ValueInfo(name: nil, type: nil)) }.check().errors.count == 1)
        #expect(Model.small { $0.graph.outputs.append(ValueInfo(name: "", type: nil)) }.check().errors.count == 1)
    }

    @Test func warnsOfQuantizationThatNamesNothing() {
        func warnings(_ parameters: [KeyValue]) -> [String] {
            Model.small { $0.graph.quantizationAnnotations = [QuantizationAnnotation(tensorName: "y", parameters: parameters)] }.check().warnings
        }
        #expect(warnings([KeyValue(key: "SCALE_TENSOR", value: "w")]) == [])
        #expect(warnings([KeyValue(key: "SCALE_TENSOR", value: "nowhere")]).count == 1)
    }
}

@Suite struct AttributeCheckTests {
    private func findings(_ attributes: Attribute...) -> [Finding] {
        Model.small { $0.graph.nodes[0].attributes = attributes }.check()
    }

    @Test func refusesBrokenAttributes() {
        #expect(findings(Attribute("a", .int(1)), Attribute("a", .int(1))).errors.first?.contains("attribute 'a' is given twice") == true)
        #expect(findings(Attribute(nil, .int(1))).errors.count == 1)
        #expect(findings(Attribute("a", .undefined)).errors.count == 1)
        #expect(findings(Attribute("a", .int(1), referenceName: "r")).errors.first?.contains("outside a function") == true)
    }

    @Test func refusesNodesWithoutOperator() {
        for name in [nil, ""] as [Name?] {
            #expect(Model.small { $0.graph.nodes[0].opType = name }.check().errors.first?.contains("op_type is missing") == true)
        }
    }
}
