import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
struct TestModelsTests {
    /// The committed models are what their script makes, and none is large.
    @Test func areWhatTheirScriptMakes() throws {
        let work = try TemporaryFolder()
        let outcome = try Command([Places.python, Places.testModels + "/make_models.py", work.path]).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let made = try FaultTests.snapshot(work.path)
        #expect(made.count == 8)
        for (name, content) in made.sorted(by: { $0.key < $1.key }) {
            #expect(try bytes(of: Places.testModels + "/" + name) == content, "\(name) differs from what the script makes")
            #expect(content.count < 50_000, "\(name) is large")
        }
        let committed = Places.files(below: Places.testModels).map { ($0 as NSString).lastPathComponent }
        #expect(Set(committed).subtracting(made.keys) == ["make_models.py"])
    }

    @Test func areValidForPython() throws {
        let models = Places.files(below: Places.testModels, suffix: ".onnx")
        let outcome = try Command([Places.python, "-c", "import onnx, sys\nfor path in sys.argv[1:]: onnx.checker.check_model(path)"] + models).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
    }
}
