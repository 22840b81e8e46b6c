import Foundation
@testable import OnnxFile
import TestSupport
import Testing

/// The schema in our own words against the one that the Python package `onnx` was made with, and what is made from ours.
@Suite struct SchemaTests {
    static let protocC = ["/usr/bin/protoc-c", "/usr/local/bin/protoc-c", "/opt/homebrew/bin/protoc-c"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(.enabled(if: protocC != nil, "protoc-c is not installed"))
    func generatedCodeIsUpToDate() throws {
        let folder = try TemporaryFolder()
        let result = try run("/bin/sh", [Places.root + "/Scripts/generate-onnx", folder.path])
        #expect(result.code == 0, "\(result.output)")
        for name in ["onnx.pb-c.c", "include/onnx.pb-c.h"] {
            let committed = try contents(of: "\(Places.root)/Sources/COnnx/\(name)")
            #expect(try contents(of: "\(folder.path)/\(name)") == committed, "\(name): run Scripts/generate-onnx")
        }
    }

    @Test(.enabled(if: protocC != nil && Places.hasPython, "protoc-c or the tests' Python is missing"))
    func schemaStatesTheFactsOfONNX() throws {
        let folder = try TemporaryFolder()
        let set = folder.path + "/set"
        let compiled = try run(SchemaTests.protocC!, ["--descriptor_set_out=\(set)", "-I\(Places.root)/Schemas", "onnx.proto"])
        #expect(compiled.code == 0, "\(compiled.output)")
        let oracle = Places.root + "/Tests/Oracles/onnx_schema.py"
        let ours = try run(Places.python, [oracle, set]).output.split(separator: "\n")
        let theirs = try run(Places.python, [oracle]).output.split(separator: "\n")
        #expect(theirs.count > 190)
        #expect(Set(ours).symmetricDifference(theirs).sorted() == [])
    }

    @Test(.enabled(if: Places.hasPython, "the tests' Python is missing"))
    func scannerKnowsTheFieldsOfTheSchema() throws {
        let theirs = try run(Places.python, [Places.root + "/Tests/Oracles/onnx_schema.py", "--with-data"]).output.split(separator: "\n")
        let expected = theirs.filter { !$0.hasPrefix("enum") }.map { line in
            let words = line.split(separator: " ")
            let kind: Substring = switch words[4] {
            case "int64", "uint64", "int32", "AttributeProto.AttributeType", "TensorProto.DataLocation": "varint"
            default: words[4]
            }
            return "\(words[0]) \(words[1]) \(words[2]) \(words[3]) \(kind)"
        }
        let ours = MessageSchema.all.flatMap { schema in
            schema.fields.map { field in
                let kind = if case .message(let kind) = field.content { kind.name } else { "\(field.content)" }
                return "\(schema.name) \(field.number) \(field.name) \(field.isRepeated ? "repeated" : "optional") \(kind)"
            }
        }
        #expect(Set(ours).symmetricDifference(expected).sorted() == [])
        #expect(ours.count == expected.count)
    }

    /// C's list of descriptors counts as `MessageKind` does.
    @Test func protobufCKnowsTheMessagesInTheSameOrder() throws {
        let names = MessageKind.allCases.compactMap { Decoder.descriptorName(of: $0) }
        #expect(names == MessageKind.allCases.filter(\.isPartOfModels).map { "onnx." + $0.name })
    }
}
