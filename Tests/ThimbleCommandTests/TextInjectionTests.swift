import Foundation
import TestSupport
import Testing

/// Names and texts that want to act on a terminal, a page or a parser.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
struct TextInjectionTests {
    private let work: TemporaryFolder
    /// The hostile names as hexadecimal bytes in a JSON list.
    private let names: String

    init() throws {
        work = try TemporaryFolder()
        let made = try Command.oracle("make_cases.py", "names", work("hostile.onnx")).run()
        try #require(made.exitCode == 0, "\(made)")
        names = made.text
        let converted = try convert(work("hostile.onnx"), work("hostile.thimble")).run()
        try #require(converted.exitCode == 0, "\(converted)")
        try #require(Checks.tame(converted).isEmpty, "\(Checks.tame(converted))")
    }

    @Test func printsNothingThatActs() throws {
        try #require(try convert(Places.testModels + "/digits-mlp.onnx", work("tame.thimble")).run().exitCode == 0)
        var problems: [String] = []
        for file in ["hostile.onnx", "hostile.thimble"] {
            var commands = [[], ["--nodes"], ["--tensors"], ["--nodes", "--tensors"], ["--json"], ["--json", "--nodes", "--tensors"], ["--graph", "dot"], ["--graph", "mermaid"]]
                .map { Command([Places.thimble, "inspect", work(file)] + $0) }
            commands += [[], ["--json"]].map { Command([Places.thimble, "verify", work(file)] + $0) }
            commands += [[], ["--json"]].map { Command([Places.thimble, "compare", work(file), work("tame.thimble")] + $0) }
            commands.append(convert(work(file), work("again.thimble"), ["--force", "--json"]))
            for command in commands {
                let outcome = try command.run()
                problems += Checks.ending(outcome) + Checks.tame(outcome)
                #expect(!outcome.output.isEmpty, "\(outcome)")
            }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
    }

    @Test(arguments: [["inspect", "--json", "--nodes", "--tensors"], ["verify", "--json"]])
    func jsonParsesAndKeepsNames(arguments: [String]) throws {
        let outcome = try Command([Places.thimble, arguments[0], work("hostile.thimble")] + arguments.dropFirst()).run()
        try write(outcome.output, to: work("document.json"))
        let checked = try Command.oracle("check_json.py", work("document.json"), arguments[0] == "inspect" ? names : "[]").run()
        #expect(checked.exitCode == 0, "\(checked)")
    }

    /// What stands in a label ends with the label.
    @Test func graphsHoldTheSameLinesWithAnyNames() throws {
        for graph in ["dot", "mermaid"] {
            let hostile = try Command([Places.thimble, "inspect", work("hostile.onnx"), "--graph", graph]).run()
            #expect(hostile.exitCode == 0, "\(hostile)")
            let text = hostile.text
            if graph == "dot" {
                for line in text.split(separator: "\n") {
                    // Quotes come in pairs once the escaped ones are gone.
                    let bare = line.replacingOccurrences(of: "\\\\", with: "").replacingOccurrences(of: "\\\"", with: "")
                    #expect(bare.filter { $0 == "\"" }.count % 2 == 0, "\(line)")
                }
            } else {
                // Mermaid's labels are HTML.
                #expect(!text.contains("<script") && !text.contains("<img"))
                #expect(text.split(separator: "\n").filter { $0.trimmingCharacters(in: .whitespaces) == "end" }.count
                    == text.split(separator: "\n").filter { $0.trimmingCharacters(in: .whitespaces).hasPrefix("subgraph ") }.count)
            }
        }
    }

    /// A path is text from outside too.
    @Test func pathsInMessagesAreTame() throws {
        let path = work("a\u{1b}[31m\u{202e}b\n.onnx")
        let missing = try Command.thimble("convert", path).run()
        #expect(missing.exitCode == 1 && missing.errorLines.count == 1, "\(missing)")
        #expect(Checks.tame(missing).isEmpty)
        try write(Array("x".utf8), to: path)
        for command in ["convert", "inspect", "verify"] {
            let outcome = try Command.thimble(command, path).run()
            #expect(outcome.exitCode == 1 && Checks.refusal(outcome, naming: ".onnx").isEmpty && Checks.tame(outcome).isEmpty, "\(outcome)")
        }
    }
}
