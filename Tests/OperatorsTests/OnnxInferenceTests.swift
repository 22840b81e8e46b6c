import Foundation
import ModelGraph
import OnnxFile
import Tensors
import TestSupport
import Testing

@testable import Operators

/// Against `onnx.shape_inference` with data propagation: of every value of the corpus we know at least as much, and nothing else.
@Suite(.enabled(if: Places.hasCorpus && Places.hasPython, "needs the corpus and Python"))
struct OnnxInferenceTests {
    /// Where the graphs declare what no runtime makes.
    private static let known = [
        // Declared as one label per row, [N, 1]; of a vector of labels the operator makes one row, [1, N].
        "squeezenet-string-labels classLabel": "[1, N]",
    ]

    @Test func knowsWhatOnnxKnows() throws {
        let files = Places.files(below: Places.corpus + "/models", suffix: ".onnx")
        let outcome = try Command([Places.python, Places.oracles + "/infer_shapes.py"] + files).with { $0.patience = 600 }.run()
        #expect(outcome.exitCode == 0, "\(outcome.errorText)")
        var results: [String: (graph: InferredGraph, made: Set<Name>)] = [:], values = 0
        for line in outcome.text.split(separator: "\n") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 4, let type = Int32(parts[2]) else { continue }
            if results[parts[0]] == nil {
                let model = try OnnxFile.read(parts[0]).model
                results[parts[0]] = (try GraphInference.run(model).graph, Set(model.graph.nodes.flatMap(\.outputs)))
            }
            // Some graphs still say of values what they are that nothing makes any more.
            guard let result = results[parts[0]], result.made.contains(Name(parts[1])) else { continue }
            values += 1
            let fact = result.graph.fact(Name(parts[1])), model = URL(fileURLWithPath: parts[0]).deletingPathExtension().lastPathComponent
            if let problem = difference(fact, ElementType(rawValue: type), parts[3]), Self.known["\(model) \(parts[1])"] == nil {
                Issue.record("\(model): '\(parts[1])' is \(fact), for onnx \(ElementType(rawValue: type))[\(parts[3])]: \(problem)")
            }
        }
        #expect(values > 5000)
    }

    private func difference(_ fact: Fact, _ type: ElementType, _ text: String) -> String? {
        if type != .undefined, fact.elementType != type { return "another type" }
        guard text != "-" else { return nil }
        let dims = text.isEmpty ? [] : text.split(separator: ",").map { Int($0) }
        guard let own = fact.dims else { return "the rank is not known" }
        guard own.count == dims.count else { return "another rank" }
        for (dim, size) in zip(own, dims) { if let size, dim.value != size { return dim.value == nil ? "a dim is not known" : "another dim" } }
        return nil
    }
}
