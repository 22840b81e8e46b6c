import Foundation
import TestSupport
import Testing

/// Deep models run in little stack.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the interpreter"))
struct NestedGraphTests {
    /// Graphs within graphs and calls within calls, near the limit of 100 and beyond it, on a stack of 512 kB.
    @Test(arguments: ["if", "loop", "scan", "sequence", "function"]) func nestedGraphsRunInALittleStack(kind: String) throws {
        let work = try TemporaryFolder()
        for depth in [60, 92, 150] {
            try #require(try Command.oracle("make_cases.py", "nested", work("n.onnx"), kind, "\(depth)").run().exitCode == 0)
            for command in [["run", work("n.onnx"), "--random"], ["compare", work("n.onnx"), work("n.onnx"), "--random", "--samples", "1", "--layers"]] {
                let outcome = try Command([Places.thimble] + command).with { $0.stackKilobytes = 512 }.run()
                #expect(outcome.exitCode == (depth < 100 ? 0 : 1) && outcome.errorLines.count == (depth < 100 ? 0 : 1), "\(kind) \(depth): \(outcome)")
            }
        }
    }
}

/// `thimble compare` with inputs.
struct CompareTests {
    private let work: TemporaryFolder
    private let model: String

    init() throws {
        work = try TemporaryFolder()
        model = try work.copy(Places.testModels + "/digits-cnn.onnx")
    }

    private func compare(_ arguments: String...) throws -> Command.Outcome {
        try Command([Places.thimble, "compare", model] + arguments).run()
    }

    @Test func aModelIsTheSameAsItselfOnAnyDetour() throws {
        try #require(try convert(model, work("m.thimble"), ["--zlib"]).run().exitCode == 0)
        let outcome = try compare(work("m.thimble"), "--random", "--seed", "7", "--samples", "3", "--layers", "--min-cosine", "1", "--min-sqnr", "200", "--max-error", "0", "--min-top1", "100%")
        #expect(outcome.exitCode == 0 && outcome.errors.isEmpty, "\(outcome)")
        #expect(outcome.text.contains("the same: every value of 2 outputs is equal in 3 samples") && outcome.text.contains("all limits are met"), "\(outcome.text)")
        #expect(Checks.tame(outcome).isEmpty)
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the interpreter"))
    func aMissedLimitIsAFailureWithTheResult() throws {
        try #require(try Command.oracle("fidelity.py", model, work.path).run().exitCode == 0)
        let inputs = ["--inputs", work("samples.npz"), "--json"]
        let strict = try Command([Places.thimble, "compare", model, work("candidate.onnx"), "--min-sqnr", "90"] + inputs).run()
        #expect(strict.exitCode == 1 && strict.errorLines.count == 1 && strict.errorText.contains("90.0 is asked for"), "\(strict)")
        let document = try #require(try JSONSerialization.jsonObject(with: Data(strict.output)) as? [String: Any])
        #expect(document["schema"] as? String == "fidelity/1" && (document["missed"] as? [String])?.count == 2)
        let loose = try Command([Places.thimble, "compare", model, work("candidate.onnx"), "--min-sqnr", "5", "--min-cosine", "0.9"] + inputs).run()
        #expect(loose.exitCode == 0 && loose.errors.isEmpty, "\(loose)")
        // Keys that Schemas/json.md names, and no others.
        let text = try String(contentsOfFile: Places.schemas + "/json.md", encoding: .utf8)
        let section = try #require(text.split(separator: "## `fidelity/1`").last?.split(separator: "\n## ").first)
        for key in Self.keys(document) { #expect(section.contains("`\(key)`"), "\(key) is not documented") }
    }

    private static func keys(_ value: Any) -> Set<String> {
        if let object = value as? [String: Any] { return object.reduce(into: Set(object.keys)) { $0.formUnion(keys($1.value)) } }
        return (value as? [Any] ?? []).reduce(into: []) { $0.formUnion(keys($1)) }
    }

    @Test func saysWhatDoesNotFit() throws {
        let other = Places.testModels + "/digits-mlp.onnx"
        for (arguments, words) in [
            ([other, "--random"], "candidate"), ([work("nowhere.onnx"), "--random"], "nowhere.onnx"), ([model, "--inputs", work("nowhere.npz")], "nowhere.npz"),
            ([model, "--inputs", work.path], "input_0.pb"),
        ] {
            let outcome = try Command([Places.thimble, "compare", model] + arguments).run()
            #expect(outcome.exitCode == 1 && outcome.errorLines.count == 1 && outcome.errorText.contains(words), "\(outcome)")
        }
    }

    @Test(arguments: [
        ["--layers"], ["--min-cosine", "0.9"], ["--samples", "3"], ["--random", "--min-cosine", "nan"], ["--random", "--min-sqnr", "-3"], ["--random", "--batch", "0"],
        ["--random", "--max-error", "0x1p3"], ["--dim", "N=1"],
    ])
    func aWrongCommandLineIs64(arguments: [String]) throws {
        let outcome = try Command([Places.thimble, "compare", model, model] + arguments).run()
        #expect(outcome.exitCode == 64 && outcome.errorLines.count == 1, "\(outcome)")
    }
}
