import Foundation
import TestSupport
import Testing

/// Somebody shortens, deletes, replaces or overwrites the source while it is mapped, at every moment that a system call marks.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
struct ChangedSourceTests {
    static let actions = ["truncate 0", "truncate 1", "truncate 4095", "truncate 4096", "truncate half", "truncate last", "unlink", "rename", "overwrite"]

    enum Job: String, CaseIterable { case convert, back, backFromZlib, zlib, inspect, inspectThimble, verify, verifyThimble, compare }

    private struct Setting {
        let work: TemporaryFolder
        /// The source of the test, and the file that may take its place.
        let source: String, other: String

        init(_ job: Job) throws {
            work = try TemporaryFolder()
            for (name, seed) in [("a", "1"), ("b", "2")] {
                let made = try Command.oracle("make_cases.py", "weights", work(name + ".onnx"), "200000", seed).run()
                try #require(made.exitCode == 0, "\(made)")
                let options = job == .backFromZlib ? ["--zlib"] : []
                try #require(try ThimbleCommandTests.convert(work(name + ".onnx"), work(name + ".thimble"), options).run().exitCode == 0)
            }
            let isThimble = [.back, .backFromZlib, .inspectThimble, .verifyThimble].contains(job)
            source = work(isThimble ? "a.thimble" : "a.onnx")
            other = work(isThimble ? "b.thimble" : "b.onnx")
        }

        func command(_ job: Job, _ input: String, _ target: String) -> Command {
            switch job {
            case .convert: ThimbleCommandTests.convert(input, target + ".thimble")
            case .zlib: ThimbleCommandTests.convert(input, target + ".thimble", ["--zlib"])
            case .back, .backFromZlib: ThimbleCommandTests.convert(input, target + ".onnx")
            case .inspect, .inspectThimble: .thimble("inspect", input)
            case .verify, .verifyThimble: .thimble("verify", input)
            case .compare: .thimble("compare", input, work("b.onnx"))
            }
        }
    }

    @Test(arguments: Job.allCases)
    func endsWithTheOldContentOrASentence(job: Job) throws {
        let setting = try Setting(job), work = setting.work
        let size = try bytes(of: setting.source).count
        let folder = try work.folder("in"), input = folder + "/" + (setting.source as NSString).lastPathComponent
        let longAgo = Date(timeIntervalSince1970: 1_700_000_000)

        func run(_ target: String, from original: String, _ environment: [String: String]) throws -> Command.Outcome {
            try? FileManager.default.removeItem(atPath: input)
            try FileManager.default.copyItem(atPath: original, toPath: input)
            // A change within one tick of the clock would not show in the time.
            try FileManager.default.setAttributes([.modificationDate: longAgo], ofItemAtPath: input)
            return try setting.command(job, input, target).with {
                $0.environment = environment.mapValues { $0 }
                $0.patience = 20
            }.run()
        }
        // What the old file and the one that replaces it give.
        var results: [[UInt8]] = []
        for (index, original) in [setting.source, setting.other].enumerated() {
            let outcome = try run(work("reference-\(index)"), from: original, [:])
            try #require(outcome.signal == 0, "\(outcome)")
            results.append(try Self.result(of: outcome, target: work("reference-\(index)")))
        }

        var problems: [String] = [], runs = 0
        for action in Self.actions {
            for n in 1... {
                let count = work("count-\(runs)"), target = work("out-\(runs)")
                try FileManager.default.copyItem(atPath: setting.other, toPath: work("replacement-\(runs)"))
                let order = Self.order(action, input: input, size: size, replacement: work("replacement-\(runs)"))
                let outcome = try run(target, from: setting.source, [
                    "LD_PRELOAD": try CTool.faultShim.path, "FAULT_CALL": "any", "FAULT_ERR": "NONE", "FAULT_AT": String(n), "FAULT_DO": order,
                    "FAULT_COUNT": count,
                ])
                runs += 1
                var found = Checks.ending(outcome)
                if outcome.exitCode == 0, !results.contains(try Self.result(of: outcome, target: target)) {
                    found.append("exit code 0 with a mixture of contents")
                }
                if outcome.exitCode == 1, job != .verify, job != .verifyThimble, job != .compare { found += Checks.refusal(outcome, naming: "a.") }
                if outcome.exitCode == 1, Places.exists(target + ".thimble") || Places.exists(target + ".onnx") { found.append("output left behind") }
                problems += found.map { "\(action) at call \(n): \($0)" }
                if try FaultTests.count(count) < n || n > 150 { break }
            }
        }
        problems += work.leftovers.map { "left behind: \($0)" }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
        #expect(runs > 3 * Self.actions.count, "the shim reaches the calls")
    }

    private static func order(_ action: String, input: String, size: Int, replacement: String) -> String {
        switch action {
        case "truncate half": "truncate \(size / 2) \(input)"
        case "truncate last": "truncate \(size - 1) \(input)"
        case "rename": "rename \(replacement) \(input)"
        case "unlink", "overwrite": "\(action) \(input)"
        default: "\(action) \(input)"
        }
    }

    /// The output file, or what was printed.
    private static func result(of outcome: Command.Outcome, target: String) throws -> [UInt8] {
        for ending in [".thimble", ".onnx"] where Places.exists(target + ending) { return try bytes(of: target + ending) }
        return outcome.output
    }
}
