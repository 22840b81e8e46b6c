import Foundation
import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

private let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
private let python = package.appending(path: ".cache/python/bin/python").path(percentEncoded: false)

@Suite struct OperatorSchemaTests {
    @Test func findsTheNewestVersionThatAnOpsetHas() throws {
        func since(_ name: Name, _ version: Int64, _ domain: Name = "") -> Int64? {
            if case .found(let schema) = OperatorSchemas.lookUp(name, domain: domain, version: version) { schema.sinceVersion } else { nil }
        }
        #expect(since("Add", 1) == 1)
        #expect(since("Add", 13) == 13)
        #expect(since("Add", 28) == 14)
        #expect(since("Abs", 7) == 6)
        #expect(since("Scaler", 3, "ai.onnx.ml") == 1)
        #expect(OperatorSchemas.lookUp("Gelu", domain: "", version: 11) == .notBefore(20))
        #expect(OperatorSchemas.lookUp("Nothing", domain: "", version: 11) == .unknownOperator)
        #expect(OperatorSchemas.lookUp("", domain: "", version: 11) == .unknownOperator)
        #expect(OperatorSchemas.lookUp("ai.onnx.ml:Scaler", domain: "", version: 11) == .unknownOperator)
        #expect(OperatorSchemas.lookUp("Add", domain: "com.example", version: 1) == .unknownDomain)
    }

    @Test func readsFactsOfASchema() throws {
        guard case .found(let schema) = OperatorSchemas.lookUp("Concat", domain: "", version: 13) else { throw ModelError(.internalFault, "no Concat") }
        #expect(schema.inputCount == 1...Int.max)
        #expect(schema.outputCount == 1...1)
        #expect(schema.inputs == [.variadic])
        #expect(schema.input(at: 7) == .variadic)
        #expect(schema.attributes.map(\.name) == ["axis"])
        #expect(schema.attribute("axis")?.isRequired == true)
        #expect(schema.attribute("axis")?.type == AttributeValue.int(0).typeNumber)
        guard case .found(let upsample) = OperatorSchemas.lookUp("Upsample", domain: "", version: 10) else { throw ModelError(.internalFault, "no Upsample") }
        #expect(upsample.isDeprecated)
    }

    /// Every line of the table parses and is found again, the first and the last included.
    @Test func findsEveryLineOfTheTable() {
        let lines = OperatorSchemas.lines.description.split(separator: "\n")
        #expect(lines.count > 600)
        #expect(lines.map { Array($0.utf8) }.elementsEqual(lines.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }))
        for line in lines {
            guard let schema = OperatorSchema(line: String(line)) else {
                Issue.record("not a schema: \(line)")
                continue
            }
            #expect(OperatorSchemas.versions(of: schema.name, domain: schema.domain).contains(schema), "\(line)")
            #expect(OperatorSchemas.newestOpset(of: schema.domain) ?? 0 >= schema.sinceVersion, "\(line)")
        }
    }

    @Test func looksUpQuickly() {
        let names: [Name] = ["Abs", "Conv", "Relu", "MatMul", "Xor", "Gemm", "LSTM", "If", "Loop", "Resize", "Add", "Cast", "Shape", "Where", "Erf", "Exp", "Pow", "Sub", "Mul", "Tile"]
        let time = ContinuousClock().measure { for name in names { #expect(OperatorSchemas.lookUp(name, domain: "", version: 17) != .unknownOperator) } }
        // Well below 1 ms in release; this is a debug build on a busy machine.
        #expect(time < .milliseconds(100))
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: python), "needs the Python environment that Scripts/test makes"))
    func isWhatTheGeneratorMakes() throws {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(filePath: python)
        process.arguments = [package.appending(path: "Scripts/generate-operator-schemas").path(percentEncoded: false)]
        process.standardOutput = pipe
        try process.run()
        let made = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let committed = try Data(contentsOf: package.appending(path: "Sources/Operators/OperatorSchemas+Generated.swift"))
        #expect(made == committed, "run Scripts/generate-operator-schemas again")
    }

    /// A file is named after its operator. Types have the same name, but for those that Swift has one for already (`Shape` is
    /// `ShapeOperator`) and those whose name another domain has, too (`MicrosoftGelu`, its file as well).
    @Test func hasOneFileForEachOperator() throws {
        let folder = package.appending(path: "Sources/Operators/Ops").path(percentEncoded: false)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }.compactMap { $0.split(separator: "/").last.map(String.init) }
        let types = Operators.all.map { (type: String(describing: $0), operation: $0) }
        #expect(files.sorted() == types.map { ($0.type.hasSuffix("Operator") ? String($0.type.dropLast(8)) : $0.type) + ".swift" }.sorted())
        // As `find` needs them.
        for (operation, next) in zip(Operators.all, Operators.all.dropFirst()) {
            #expect((operation.name, operation.domain) < (next.name, next.domain), "\(operation)")
        }
        for (type, operation) in types {
            #expect(Operators.find(operation.name, domain: operation.domain) == operation)
            let name = operation.name.text
            #expect(type == name || type == name + "Operator" || !operation.domain.isEmpty && type.hasSuffix(name), "\(type)")
        }
        // Before operator set 1 was fixed there were others; ONNX Runtime and real files still have them.
        let drafts: Set<Name> = ["Affine", "Crop", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh", "SimplifiedLayerNormalization"]
        for each in Operators.all where each.domain.isEmpty && !drafts.contains(each.name) {
            #expect(!OperatorSchemas.versions(of: each.name, domain: "").isEmpty, "\(each.name)")
        }
    }
}
