import BackendSuite
import OnnxFile
import TestSupport
import Testing

/// Real models beside the outputs that ONNX Runtime gave for the same inputs.
@Suite(.enabled(if: Places.hasCorpus, "the corpus is not here"))
struct ReferenceDataTests {
    @Test func agreeWithOnnxRuntime() throws {
        #expect(BackendCase.references.count >= 45)
        let problems = try BackendCase.problems(BackendCase.references) { try OnnxFile.read($0).model }
        for case (let one, let problem?) in zip(BackendCase.references, problems) { Issue.record("\(one.name): \(problem)") }
    }
}
