import ModelGraph
import OnnxFile
import TestSupport
import Tensors
import Testing
import ThimbleFile

/// Models that Python draws, with every field of every message, by way of .thimble and back.
struct RandomModelTests {
    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func everyFieldComesBack() throws {
        let seed = SeededRandom.seedOfThisRun >> 1, count = 300
        let work = try TemporaryFolder()
        let made = try Command.oracle("random_models.py", "make", work.path, String(seed), String(count)).run()
        try #require(made.exitCode == 0, "seed \(seed): \(made)")
        for index in 0..<count {
            do {
                let source = try OnnxFile.read(work("\(index).onnx"))
                let options = ThimbleFile.WriteOptions(zlib: index % 2 == 0, plainMetadata: index % 3 == 0)
                _ = try ThimbleFile.write(source.model, to: work("\(index).thimble"), options: options)
                let stored = try ThimbleFile.read(work("\(index).thimble"))
                let isEqual = stored.model == source.model
                #expect(isEqual, "seed \(seed), model \(index)")
                #expect(try ThimbleFile.verify(work("\(index).thimble")).isEmpty, "seed \(seed), model \(index)")
                _ = try OnnxFile.write(stored.model, to: work("\(index).back.onnx"))
            } catch {
                Issue.record("seed \(seed), model \(index): \(error)")
                return
            }
        }
        let compared = try Command.oracle("random_models.py", "compare", work.path, String(count)).run()
        #expect(compared.exitCode == 0 && compared.text.isEmpty, "seed \(seed): \(compared.text.prefix(2000)) \(compared)")
    }
}
