import Foundation
import TestSupport
import Testing
// The code between the two lines of the function below stands in README.md: change both.
import ModelGraph
import Tensors
import Thimble

struct ReadmeExample {
    private func example() throws {
        // README begins
        let report = try Thimble.convert("model.onnx", to: "model.thimble", options: .init(zlib: true))
        print("\(report.inputByteCount) bytes became \(report.outputByteCount)")

        let proof = try Thimble.verify("model.thimble", source: "model.onnx")
        print(proof.isSound ? "sound" : "damaged", proof.findings.count)

        let file = try Thimble.open("model.thimble")
        for node in file.model.graph.nodes {
            print(node.opType ?? "?", node.inputs, node.outputs)
        }
        for tensor in file.model.graph.initializers {
            print(tensor.name ?? "unnamed", tensor.elementType, tensor.dims)
        }
        // README ends
    }

    @Test func standsInTheReadme() throws {
        let source = try lines(of: #filePath)
        let start = try #require(source.firstIndex { $0.hasSuffix("// README begins") }), end = try #require(source.firstIndex { $0.hasSuffix("// README ends") })
        let example = source[(start + 1)..<end].map { $0.hasPrefix("        ") ? String($0.dropFirst(8)) : $0 }
        let readme = try lines(of: Places.root + "/README.md")
        let open = try #require(readme.firstIndex(of: "```swift")), close = try #require(readme[open...].firstIndex(of: "```"))
        #expect(readme[(open + 1)..<close].drop { $0.hasPrefix("import ") || $0.isEmpty } == example[...])
    }

    /// The example does what it shows.
    @Test func runs() throws {
        let work = try TemporaryFolder()
        try work.copy(Places.testModels + "/digits-cnn.onnx", as: "model.onnx")
        let report = try Thimble.convert(work("model.onnx"), to: work("model.thimble"), options: .init(zlib: true))
        #expect(report.outputByteCount == (try bytes(of: work("model.thimble")).count))
        #expect(try Thimble.verify(work("model.thimble"), source: work("model.onnx")).isSound)
        let file = try Thimble.open(work("model.thimble"))
        #expect(file.model.graph.nodes.count == 9 && file.model.graph.initializers.count == 11)
    }

    private func lines(of path: String) throws -> [String] {
        String(decoding: try bytes(of: path), as: UTF8.self).components(separatedBy: "\n")
    }
}
