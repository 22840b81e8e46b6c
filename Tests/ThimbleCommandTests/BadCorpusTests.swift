import Foundation
import TestSupport
import Testing

/// A file of the bad corpus and what a good tool does with it.
private struct BadCase: Decodable {
    let file: String
    let bytes: Int
    let kind: String
    let expect: String

    var path: String { Places.corpus + "/bad/" + file }

    enum Verdict { case accept, refuse, either }

    /// Sentences that leave a choice ("refuse or warn") allow both; these say what they mean only to people.
    private static let refuseInOtherWords: Set<String> = [
        "ext-tilde/model.onnx", "ext-percent/model.onnx", "ext-env/model.onnx", "ext-in-subgraph-constant/model.onnx",
        "ext-huge-length-small-file/model.onnx", "ver-ir-missing.onnx",
    ]

    var verdict: Verdict {
        if Self.refuseInOtherWords.contains(file) { return .refuse }
        let leavesChoice = expect.range(of: #"\b(or|limit and refuse)\b"#, options: .regularExpression) != nil
        if kind == "legal" { return leavesChoice ? .either : .accept }
        return expect.hasPrefix("refuse") && !leavesChoice ? .refuse : .either
    }

    /// 24 MB (the process alone has 15 before it does anything) and four times the file; large metadata costs what its objects cost.
    var memoryLimit: Int {
        bytes < 1 << 18 ? 24 << 20 + 4 * bytes : 64 << 20 + (kind == "legal" ? 20 : 4) * bytes
    }

    static let all: [BadCase] = {
        guard let data = FileManager.default.contents(atPath: Places.corpus + "/bad/manifest.json") else { return [] }
        return (try? JSONDecoder().decode([BadCase].self, from: data)) ?? []
    }()
}

@Suite(.enabled(if: Places.hasCorpus, "../shared/corpus is not here"))
struct BadCorpusTests {
    /// Differences from the manifest that are meant, with the reason. One that no longer occurs must go.
    static let exceptions: [String: String] = [:]

    /// Models that Python reads in another way, with the reason.
    static let readOtherwise = [
        "ext-self/model.onnx": "without a length we take what the shape needs, Python takes the file to its end",
    ]

    private func run(_ command: Command) throws -> Command.Outcome {
        try command.with {
            // What a secondary thread has on some systems.
            $0.stackKilobytes = 512
            $0.addressSpaceMegabytes = 2048
            $0.patience = 30
        }.run()
    }

    private func common(_ outcome: Command.Outcome, _ bad: BadCase) -> [String] {
        var problems = Checks.ending(outcome) + Checks.refusal(outcome, naming: (bad.file as NSString).lastPathComponent) + Checks.tame(outcome)
        // Processor time, because the machine may be busy with other tests.
        let patience = bad.kind == "legal" ? 5.0 : 2.0
        if outcome.cpuSeconds > patience { problems.append("took \(outcome.cpuSeconds) s") }
        if outcome.peakMemory > bad.memoryLimit { problems.append("used \(outcome.peakMemory >> 10) KB, \(bad.memoryLimit >> 10) allowed") }
        return problems.map { "\(bad.file) (\(outcome.command[1])): \($0)" }
    }

    @Test func theManifestIsWhole() {
        #expect(BadCase.all.count == 239)
    }

    @Test(arguments: ["inspect", "verify"])
    func looksWithoutHarm(command: String) throws {
        var problems: [String] = []
        for bad in BadCase.all {
            let outcome = try run(.thimble(command, bad.path))
            problems += common(outcome, bad)
            if bad.verdict == .accept, outcome.exitCode != 0 { problems.append("\(bad.file) (\(command)): legal but refused: \(outcome)") }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
    }

    @Test func convertsWhatIsLegalAndRefusesTheRest() throws {
        let work = try TemporaryFolder()
        var problems: [String] = [], surprises: Set<String> = [], pairs: [(source: String, back: String)] = []
        for (index, bad) in BadCase.all.enumerated() {
            let target = work("\(index).thimble")
            let outcome = try run(convert(bad.path, target))
            problems += common(outcome, bad)
            let accepted = outcome.exitCode == 0
            if accepted != Places.exists(target) { problems.append("\(bad.file): exit code \(outcome.exitCode), output \(accepted ? "missing" : "left behind")") }
            if bad.verdict == .accept && !accepted || bad.verdict == .refuse && accepted {
                surprises.insert(bad.file)
                if Self.exceptions[bad.file] == nil { problems.append("\(bad.file): '\(bad.expect)', but \(outcome)") }
            }
            guard accepted else { continue }
            let back = try run(convert(target, work("\(index).onnx")))
            problems += Checks.ending(back, allowed: [0]).map { "\(bad.file) (back): \($0)" }
            pairs.append((bad.path, work("\(index).onnx")))
        }
        problems += work.leftovers.map { "left behind: \($0)" }
        problems += Self.exceptions.keys.filter { !surprises.contains($0) }.map { "\($0): is a listed exception, but does as the manifest says" }
        if Places.hasPython {
            for (pair, verdict) in zip(pairs, try ModelComparison.run(pairs)) {
                guard verdict.loads == .yes else { continue }
                let isOtherwise = Self.readOtherwise.keys.contains(where: pair.source.hasSuffix)
                if (verdict.equal == .yes) == isOtherwise { problems.append("\(pair.source): read otherwise or not, against the list") }
                if !isOtherwise, case .no(let reason)? = verdict.equal { problems.append("\(pair.source): came back different\(reason)") }
                let isExternal = pair.source.contains("/ext-")
                if verdict.canonical == true, !isExternal, try bytes(of: pair.source) != bytes(of: pair.back) {
                    problems.append("\(pair.source): canonical, but came back as other bytes")
                }
            }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
        #expect(pairs.count >= 35, "every legal case converts")
    }

    /// Links are made here: a checkout may have turned those of the corpus into plain files.
    @Test(arguments: ["ln -sf real.bin w.bin", "ln -sf ../secret w.bin", "ln -sf \"$PWD/../secret\" w.bin"])
    func linksAreFollowedOnlyWhenAsked(making: String) throws {
        let work = try TemporaryFolder()
        let model = try prepare(work, "ext-symlink-inside", making) + "/model.onnx"
        let refused = try convert(model, work("a.thimble")).run()
        #expect(refused.exitCode == 1 && refused.errorText.contains("--follow-links"), "\(refused)")
        let allowed = try convert(model, work("b.thimble"), ["--follow-links"]).run()
        #expect(allowed.exitCode == 0, "\(allowed)")
    }

    /// A copy of a case in a folder `m`, beside a file `secret`, changed by a shell line. Gives the folder.
    private func prepare(_ work: TemporaryFolder, _ name: String, _ making: String) throws -> String {
        let folder = try work.folder("m")
        for file in try FileManager.default.contentsOfDirectory(atPath: "\(Places.corpus)/bad/\(name)") where file != "w.bin" {
            try work.copy("\(Places.corpus)/bad/\(name)/\(file)", as: "m/" + file)
        }
        try write([UInt8](repeating: 1, count: 64), to: work("secret"))
        let made = try Command.shell(making).with { $0.folder = folder; $0.environment["PYTHON"] = Places.python }.run()
        try #require(made.exitCode == 0, "\(made)")
        return folder
    }

    /// Git keeps neither hard links nor FIFOs nor sockets: they are made here.
    @Test(arguments: ["ln ../secret w.bin", "mkfifo w.bin", "ln -s w.bin w.bin", "ln -s /dev/zero w.bin", "exec \"$PYTHON\" -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"w.bin\")'"])
    func refusesWhatIsNoPlainFileOfTheFolder(making: String) throws {
        let work = try TemporaryFolder()
        let folder = try prepare(work, "ext-hardlink", making)
        for command in [convert(folder + "/model.onnx", work("out.thimble")), .thimble("inspect", folder + "/model.onnx"), .thimble("verify", folder + "/model.onnx")] {
            let outcome = try command.with { $0.patience = 10 }.run()
            #expect(outcome.exitCode == 1, "\(outcome)")
            #expect(Checks.refusal(outcome, naming: "model.onnx").isEmpty, "\(outcome)")
        }
        #expect(!Places.exists(work("out.thimble")))
        if making.hasPrefix("ln ..") {
            let allowed = try convert(folder + "/model.onnx", work("out.thimble"), ["--follow-links"]).run()
            #expect(allowed.exitCode == 0, "\(allowed)")
        }
    }
}
