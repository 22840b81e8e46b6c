import ModelGraph
import Tensors
import TestSupport
import Testing

@Suite struct VersionCheckTests {
    private func findings(ir: Int64?, _ imports: [OpsetImport]) -> [Finding] {
        Model.small { $0.irVersion = ir; $0.opsetImports = imports }.check()
    }

    @Test func acceptsAHealthyModel() {
        #expect(Model.small().check() == [])
    }

    @Test(arguments: [nil, 0, -8, 15, 99, .max] as [Int64?])
    func refusesUnknownIRVersions(version: Int64?) {
        let found = findings(ir: version, [OpsetImport(version: 17)])
        #expect(found.errors.count == 1)
        #expect(found.errors[0].contains("ir_version"))
    }

    @Test(arguments: [0, -1, nil] as [Int64?])
    func refusesOpsetsBelowOne(version: Int64?) {
        #expect(findings(ir: 8, [OpsetImport(version: version)]).errors.count == 1)
    }

    @Test func refusesTwoVersionsOfOneDomainHoweverItIsSpelt() {
        let found = findings(ir: 8, [OpsetImport(version: 17), OpsetImport(domain: "ai.onnx", version: 7)])
        #expect(found.errors.count == 1)
        #expect(found.errors[0].contains("versions 17 and 7"))
    }

    @Test func warnsOfTheSameVersionTwice() {
        let found = findings(ir: 8, [OpsetImport(version: 17), OpsetImport(domain: "", version: 17)])
        #expect(found.errors == [])
        #expect(found.warnings.count == 1)
    }

    @Test func needsImportsFromIR3On() {
        #expect(findings(ir: 8, []).errors == ["no opset_import (IR 8 needs one); the file may be cut off: fetch it again"])
        #expect(findings(ir: 3, []).errors == [])
        #expect(findings(ir: 3, []).warnings.contains { $0.contains("opset 1") })
        #expect(findings(ir: 2, [OpsetImport(version: 1)]).errors == [])
        #expect(findings(ir: 2, [OpsetImport(version: 1)]).warnings.contains { $0.contains("IR 3 brought it") })
    }

    @Test func acceptsTheDialectOfPnnxAlone() {
        func model(_ second: Name) -> Model {
            .small {
                $0.irVersion = nil
                $0.opsetImports = []
                $0.graph.nodes = [Node("pnnx.Input", outputs: ["a"]), Node(second, inputs: ["a"], outputs: ["y"])]
            }
        }
        #expect(model("nn.Conv3d").check().errors == [])
        #expect(model("nn.Conv3d").check().warnings.count == 1)
        #expect(model("Conv").check().errors.count == 1)
    }
}
