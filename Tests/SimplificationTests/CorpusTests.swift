import BackendSuite
import Foundation
import ModelGraph
import OnnxFile
@testable import Simplification
import Tensors
import TestSupport
import Testing

/// Real models: simplified and stripped, they give the outputs that they gave before.
@Suite(.enabled(if: Places.hasCorpus, "the corpus is not here"), .serialized)
struct SimplifiedCorpusTests {
    private static let names = BackendCase.references.map { String($0.name.dropFirst("refdata/".count)) }

    /// By the executor, against what ONNX Runtime gave for the source.
    @Test func giveTheReferenceOutputs() throws {
        // Each pass is judged by all checks on the whole model.
        var options = SimplificationOptions()
        options.checksWholeModel = true
        let problems = try BackendCase.problems(BackendCase.references) { [options] in strip(try simplify(OnnxFile.read($0).model, options: options).model) }
        for case (let one, let problem?) in zip(BackendCase.references, problems) { Issue.record("\(one.name): \(problem)") }
    }

    /// By ONNX Runtime and the checker, both on the files; no model is larger than before.
    @Test(.enabled(if: Places.hasPython)) func passOnnxRuntimeAndTheChecker() throws {
        let folder = try TemporaryFolder()
        var lines: [String] = []
        for name in Self.names {
            let source = "\(Places.corpus)/models/\(name).onnx", target = folder("\(name).onnx")
            _ = try OnnxFile.write(strip(simplify(OnnxFile.read(source).model).model), to: target)
            lines.append([source, target, "\(Places.corpus)/refdata/\(name)/test_data_set_0", Self.tolerances[name] ?? "1e-5"].joined(separator: "\t"))
        }
        try (lines.joined(separator: "\n") + "\n").write(toFile: folder("list"), atomically: true, encoding: .utf8)
        let outcome = try Command.oracle("simplified_models.py", folder("list")).run()
        let verdicts = try outcome.text.split(separator: "\n").filter { $0.hasPrefix("{") }.map { try JSONDecoder().decode(Verdict.self, from: Data($0.utf8)) }
        #expect(verdicts.count == Self.names.count, "\(outcome)")
        for (name, verdict) in zip(Self.names, verdicts) {
            if let problem = verdict.problem { Issue.record("\(name): \(problem)") }
            #expect(verdict.nodes[1] <= verdict.nodes[0], "\(name) has more nodes")
            #expect(verdict.bytes[1] <= verdict.bytes[0], "\(name) has more bytes")
        }
    }

    /// What is quantized stays so: each convolution has its DequantizeLinear for input, weight and bias, as runtimes with integers look for.
    @Test func stayQuantized() throws {
        let model = try OnnxFile.read("\(Places.corpus)/models/mobilenetv2-imagenet-qdq-int8.onnx").model
        let simple = try simplify(model).model
        let dequantized = Set(simple.graph.nodes.filter { $0.opType == "DequantizeLinear" }.flatMap(\.outputs))
        let convolutions = simple.graph.nodes.filter { $0.opType == "Conv" }
        #expect(convolutions.count == 52)
        for node in convolutions { #expect(node.inputs.allSatisfy(dequantized.contains), "\(node.label)") }
    }

    /// Raised on request, real models give what they gave, and the operators of the later set are in them.
    @Test(.enabled(if: Places.hasPython), arguments: [
        ("vittrack", ["Attention", "LayerNormalization", "Gelu"]), ("tinybert", ["Attention", "Gelu"]), ("bert-toy-unsorted", ["Gelu"]),
        ("yolox-nano", ["Swish"]), ("tfbert-qa-3836-nodes", ["LayerNormalization", "Gelu", "Attention"]),
    ]) func giveTheSameInALaterOperatorSet(name: String, operators: [String]) throws {
        let folder = try TemporaryFolder(), source = "\(Places.corpus)/models/\(name).onnx"
        let raised = try simplify(OnnxFile.read(source).model, options: .init(opset: 24)).model
        let found = Set(raised.operators)
        for each in operators { #expect(found.contains(each), "no \(each) in \(name)") }
        _ = try OnnxFile.write(raised, to: folder("raised.onnx"))
        let line = [source, folder("raised.onnx"), "\(Places.corpus)/refdata/\(name)/test_data_set_0", "1e-5"].joined(separator: "\t")
        try (line + "\n").write(toFile: folder("list"), atomically: true, encoding: .utf8)
        let outcome = try Command.oracle("simplified_models.py", folder("list")).run()
        let verdicts = try outcome.text.split(separator: "\n").filter { $0.hasPrefix("{") }.map { try JSONDecoder().decode(Verdict.self, from: Data($0.utf8)) }
        #expect(verdicts.count == 1 && verdicts.first?.problem == nil, "\(outcome)")
    }

    private struct Verdict: Decodable {
        let problem: String?
        let nodes: [Int]
        let bytes: [Int]
    }

    /// Of the largest element, where the model amplifies the rounding of its first layers.
    private static let tolerances = [
        // FLOAT16: ONNX Runtime keeps binary32 between neighbours, and a Dropout less makes it round at another place.
        "squeezenet-fp16": "1e-4"
    ]
}

/// The ONNX backend suite after simplification.
@Suite(.enabled(if: Places.hasBackendTests, "Scripts/fetch-backend-tests fetches the suite"), .serialized)
struct SimplifiedBackendTests {
    /// A case that passes as it is passes simplified.
    @Test func passesAsBefore() throws {
        let cases = BackendCase.all + BackendCase.light
        let before = try BackendCase.problems(cases) { try OnnxFile.read($0).model }
        let after = try BackendCase.problems(cases) { try simplify(OnnxFile.read($0).model).model }
        for (one, (old, new)) in zip(cases, zip(before, after)) where old == nil {
            if let new { Issue.record("\(one.name): \(new)") }
        }
    }

    /// The weights of these are made by nodes: 9 KB must not become 575 MB.
    @Test func lightModelsStayLight() throws {
        let folder = try TemporaryFolder()
        for source in Places.files(below: Places.backendTests + "/light", suffix: ".onnx") {
            let target = folder("out.onnx")
            let written = try OnnxFile.write(simplify(OnnxFile.read(source).model).model, to: target, options: .init(replacing: true))
            let size = try FileManager.default.attributesOfItem(atPath: source)[.size] as? Int ?? 0
            #expect(written.byteCount <= size, "\(source)")
        }
    }
}
