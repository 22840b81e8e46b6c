import Foundation
import TestSupport

/// What must hold for every run of the binary, whatever the input and the fault. Each check gives the sentences to report.
enum Checks {
    /// The documented codes, by itself, in time.
    static func ending(_ outcome: Command.Outcome, allowed: Set<Int> = [0, 1]) -> [String] {
        if outcome.timedOut { return ["\(outcome)"] }
        if outcome.signal != 0 || !allowed.contains(outcome.exitCode) { return ["\(outcome)"] }
        return []
    }

    /// A refusal is one sentence that names the file. What `verify` finds is its result, on stdout.
    static func refusal(_ outcome: Command.Outcome, naming name: String) -> [String] {
        guard outcome.exitCode == 1 else { return [] }
        if outcome.command.dropFirst().first == "verify", !outcome.output.isEmpty {
            return outcome.errorLines.count <= 1 && (outcome.text + outcome.errorText).contains(name) ? [] : ["does not name \(name) once: \(outcome)"]
        }
        guard outcome.errorLines.count == 1 else { return ["\(outcome.errorLines.count) lines on stderr: \(outcome)"] }
        return outcome.errorText.contains(name) ? [] : ["stderr does not name \(name): \(outcome)"]
    }

    /// Nothing a terminal would act on: of the control characters only line feeds and tabs, no bidirectional or invisible marks.
    static func tame(_ text: [UInt8], _ what: String) -> [String] {
        guard let string = String(validating: text, as: UTF8.self) else { return ["\(what) is not UTF-8"] }
        let wild = string.unicodeScalars.first { scalar in
            switch scalar.properties.generalCategory {
            case .control: scalar != "\n" && scalar != "\t"
            case .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
            default: false
            }
        }
        return wild.map { ["\(what) holds U+\(String($0.value, radix: 16, uppercase: true))"] } ?? []
    }

    static func tame(_ outcome: Command.Outcome) -> [String] {
        tame(outcome.output, "stdout of \(outcome.command.dropFirst())") + tame(outcome.errors, "stderr of \(outcome.command.dropFirst())")
    }

    /// `problems` as the comment of an expectation: the first few and how many there are.
    static func report(_ problems: [String]) -> String {
        "\(problems.count) problems:\n" + problems.prefix(12).joined(separator: "\n")
    }
}

/// `thimble convert` from `source` to `target`.
func convert(_ source: String, _ target: String, _ options: [String] = []) -> Command {
    Command([Places.thimble, "convert", source, "-o", target] + options)
}

/// Verdicts of Python's `onnx` on pairs of models, in one process.
struct ModelComparison: Decodable {
    /// True, or the reason why the source does not load.
    let loads: Verdict
    let canonical: Bool?
    let equal: Verdict?

    enum Verdict: Decodable, Equatable {
        case yes
        case no(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            self = (try? container.decode(Bool.self)) == true ? .yes : .no((try? container.decode(String.self)) ?? "no")
        }
    }

    static func run(_ pairs: [(source: String, back: String)]) throws -> [ModelComparison] {
        let work = try TemporaryFolder()
        try write(Array(pairs.map { "\($0.source)\t\($0.back)\n" }.joined().utf8), to: work("list"))
        let outcome = try Command.oracle("compare_models.py", work("list")).run()
        let lines = outcome.text.split(separator: "\n")
        guard outcome.exitCode == 0, lines.count == pairs.count else { throw Failure("the model comparison failed: \(outcome)") }
        return try lines.map { try JSONDecoder().decode(ModelComparison.self, from: Data($0.utf8)) }
    }
}
