import BackendSuite
import Foundation
import OnnxFile
import TestSupport
import Testing

/// Random trees, support vector machines, linear models and encoders beside ONNX Runtime: the same in each run, because a score
/// near a threshold may fall on either side; THIMBLE_LEARNED_MODELS=new makes others.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the interpreter"))
struct LearnedModelTests {
    @Test func agreeWithONNXRuntime() throws {
        let folder = try TemporaryFolder(), seed = ProcessInfo.processInfo.environment["THIMBLE_LEARNED_MODELS"] == "new" ? SeededRandom().seed % 1_000_000 : 1
        let outcome = try Command.oracle("learned_models.py", folder(""), String(seed)).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let cases = BackendCase.cases(in: folder(""), kind: "learned", absolute: 5e-4)
        try #require(cases.count > 350, "\(outcome.text)")
        for (one, problem) in zip(cases, try BackendCase.problems(cases) { try OnnxFile.read($0).model }) {
            #expect(problem == nil, "\(one.name), seed \(seed)")
        }
    }
}

/// Nodes of com.microsoft with random shapes, masks and grids beside ONNX Runtime.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the interpreter"))
struct MicrosoftModelTests {
    @Test func agreeWithONNXRuntime() throws {
        let folder = try TemporaryFolder(), seed = ProcessInfo.processInfo.environment["THIMBLE_LEARNED_MODELS"] == "new" ? SeededRandom().seed % 1_000_000 : 1
        let outcome = try Command.oracle("microsoft_models.py", folder(""), String(seed)).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let cases = BackendCase.cases(in: folder(""), kind: "microsoft", absolute: 5e-5)
        try #require(cases.count > 200, "\(outcome.text)")
        for (one, problem) in zip(cases, try BackendCase.problems(cases) { try OnnxFile.read($0).model }) {
            #expect(problem == nil, "\(one.name), seed \(seed)")
        }
    }
}
