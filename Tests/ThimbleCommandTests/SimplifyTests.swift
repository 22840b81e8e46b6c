import Foundation
import TestSupport
import Testing

/// `convert --simplify` and `--strip` from the outside.
struct SimplifyTests {
    private let work: TemporaryFolder
    private let source: String

    init() throws {
        work = try TemporaryFolder()
        source = try work.copy(Places.testModels + "/branches.onnx")
    }

    private func json(_ arguments: [String]) throws -> [String: Any] {
        let outcome = try Command([Places.thimble, "convert", source, "-o", work("out.onnx"), "--force", "--json"] + arguments).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        return try #require(JSONSerialization.jsonObject(with: Data(outcome.output)) as? [String: Any])
    }

    @Test func reportsWhatEachPassDid() throws {
        let report = try #require(try json(["--simplify"])["simplify"] as? [String: Any])
        let passes = try #require(report["passes"] as? [[String: Any]])
        #expect(passes.count > 20)
        #expect(passes.allSatisfy { $0["name"] is String && $0["changes"] is Int && $0["removed_nodes"] is Int && $0["examples"] is [String] })
        let before = try #require(report["nodes_before"] as? Int), after = try #require(report["nodes_after"] as? Int)
        // The reports of the passes make up the whole.
        #expect(before - after == passes.reduce(0) { $0 + ($1["removed_nodes"] as? Int ?? 0) })
        #expect(report["settled"] as? Bool == true)
    }

    @Test func explainsWhoDidWhat() throws {
        let outcome = try Command.thimble("convert", source, "-o", work("out.onnx"), "--simplify", "--explain").run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        let help = try Command.thimble("convert", "--help").run().text
        for name in ["inline-functions", "fold-constants", "remove-dead-code", "fuse-attention", "share-tensors"] {
            #expect(outcome.text.contains("  \(name): "), "no \(name)")
            #expect(help.contains(name), "no \(name) in the help")
        }
    }

    @Test func runsChosenPassesOnly() throws {
        func names(_ options: [String]) throws -> [String] {
            let report = try #require(try json(options)["simplify"] as? [String: Any]), passes = try #require(report["passes"] as? [[String: Any]])
            return passes.compactMap { $0["name"] as? String }
        }
        #expect(try names(["--passes", "remove-dead-code,fold-constants"]) == ["fold-constants", "remove-dead-code"])
        let fewer = try names(["--skip-pass", "fold-constants", "--skip-pass", "merge-casts"])
        #expect(!fewer.contains("fold-constants") && !fewer.contains("merge-casts") && fewer.contains("remove-dead-code"))
    }

    @Test func refusesWhatItDoesNotKnow() throws {
        for (options, code, words) in [
            (["--passes", "magic"], 64, "there is no pass 'magic'"), (["--skip-pass", "magic"], 64, "there is no pass 'magic'"), (["--explain"], 64, "--simplify"), (["--opset", "0"], 64, "--opset"),
            (["--opset", "4000"], 1, "the newest that this version knows"), (["--opset", "2"], 1, "raised, not lowered"),
        ] {
            let outcome = try Command([Places.thimble, "convert", source, "-o", work("out.onnx")] + options).run()
            #expect(outcome.exitCode == code, "\(outcome)")
            #expect(outcome.errorText.contains(words), "\(outcome)")
            #expect(!work.contents.contains("out.onnx"))
        }
    }

    /// Both containers hold the same simplified model.
    @Test func writesBothContainers() throws {
        for target in ["a.onnx", "a.thimble"] {
            let outcome = try Command.thimble("convert", source, "-o", work(target), "--simplify", "--strip").run()
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        let outcome = try Command.thimble("compare", work("a.onnx"), work("a.thimble")).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
    }

    /// More than a fifth of this model is where its author keeps what.
    @Test(.enabled(if: Places.hasCorpus, "the corpus is not here")) func saysWhosePathsWent() throws {
        let model = Places.corpus + "/models/silero-vad-v6-dynamo-op18.onnx"
        let outcome = try Command.thimble("convert", model, "-o", work("s.onnx"), "--strip").run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(outcome.text.contains("of the author's machine went with it, such as /"), "\(outcome.text)")
        let sizes = try [model, work("s.onnx")].map { try #require(try FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int) }
        #expect(sizes[1] * 100 < sizes[0] * 79)
        let rest = try bytes(of: work("s.onnx"))
        #expect(!String(decoding: rest, as: UTF8.self).contains("site-packages"))
    }
}
