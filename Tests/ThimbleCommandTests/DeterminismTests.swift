import Foundation
import TestSupport
import Testing

/// Same input, options and version: same bytes, whatever the machine's mood.
struct DeterminismTests {
    private static let environments: [(name: String, prefix: [String], variables: [String: String?], options: [String])] = [
        ("first hash seed", [], [:], []), ("second hash seed", [], [:], []), ("third hash seed", [], [:], []),
        ("one thread", [], [:], ["--threads", "1"]), ("two threads", [], [:], ["--threads", "2"]), ("seven threads", [], [:], ["--threads", "7"]),
        ("fixed hash seed", [], ["SWIFT_DETERMINISTIC_HASHING": "1"], []),
        ("Turkish", [], ["LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"], []), ("other time zone", [], ["TZ": "Pacific/Apia"], []),
        ("dirty memory", [], ["MALLOC_PERTURB_": "165"], []), ("no home", [], ["HOME": nil, "USER": nil, "LANG": nil], []),
        ("one processor", ["/usr/bin/taskset", "-c", "0"], [:], []),
    ]

    static let models: [String] = {
        let ours = ["digits-cnn", "branches", "external", "everything", "training"].map { Places.testModels + "/\($0).onnx" }
        guard Places.hasCorpus else { return ours }
        return ours + ["tinybert", "silero-vad-v5-nested-if", "ultraface-pruned85-sparse", "skl-text-tfidf-sgd"].map { "\(Places.corpus)/models/\($0).onnx" }
    }()

    @Test(arguments: [[], ["--zlib"], ["--plain-metadata"]])
    func givesOneResult(options: [String]) throws {
        let work = try TemporaryFolder()
        var problems: [String] = []
        for model in Self.models {
            var results: [[UInt8]: [String]] = [:]
            for environment in Self.environments where environment.prefix.first.map(Places.exists) != false {
                var command = convert(model, work("m.thimble"), options + environment.options + ["--force"])
                command.arguments = environment.prefix + command.arguments
                command.environment = environment.variables
                let outcome = try command.run()
                problems += Checks.ending(outcome, allowed: [0])
                results[(try? bytes(of: work("m.thimble"))) ?? [], default: []].append(environment.name)
            }
            if results.count != 1 { problems.append("\(model): \(results.values.sorted { $0.count > $1.count })") }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
    }

    /// The path and the place of the input, the number of jobs and the folder the process stands in leave no trace.
    @Test func dependsOnTheContentAlone() throws {
        let work = try TemporaryFolder()
        for folder in ["one", "two/deeper"] {
            try work.folder(folder)
            for model in ["digits-cnn", "everything", "branches"] { try work.copy(Places.testModels + "/\(model).onnx", as: "\(folder)/\(model).onnx") }
        }
        for (folder, jobs) in [("one", "1"), ("two/deeper", "3")] {
            let outcome = try convert(work(folder), work(folder) + "-out", ["--zlib", "--jobs", jobs]).run()
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        let single = try convert("digits-cnn.onnx", "here.thimble", ["--zlib"]).with { $0.folder = work("one") }.run()
        #expect(single.exitCode == 0, "\(single)")
        for model in ["digits-cnn", "everything", "branches"] {
            #expect(try bytes(of: work("one-out/\(model).thimble")) == bytes(of: work("two/deeper-out/\(model).thimble")), "\(model)")
        }
        #expect(try bytes(of: work("one/here.thimble")) == bytes(of: work("one-out/digits-cnn.thimble")))
    }
}
