import Foundation
import TestSupport
import Testing

/// A folder in, a folder out.
struct BatchTests {
    /// A tree of good models with a damaged one among them.
    private func tree(_ work: TemporaryFolder, copies: Int = 1, damaged: Bool = true) throws -> String {
        for i in 0..<copies {
            try work.folder("in/\(i)/deeper")
            for (name, place) in [("digits-cnn", ""), ("branches", "deeper/"), ("digits-mlp", "deeper/")] {
                try work.copy(Places.testModels + "/\(name).onnx", as: "in/\(i)/\(place)\(name).onnx")
            }
        }
        if damaged { try write(Array(try bytes(of: Places.testModels + "/digits-mlp.onnx").dropLast(100)), to: work("in/damaged.onnx")) }
        try write(Array("not a model".utf8), to: work("in/notes.txt"))
        return work("in")
    }

    private func report(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func keepsTheTreeAndReportsEveryFile() throws {
        let work = try TemporaryFolder()
        let input = try tree(work)
        let outcome = try convert(input, work("out"), ["--jobs", "2", "--report", work("report.json")]).run()
        #expect(outcome.exitCode == 2, "\(outcome)")
        #expect(outcome.errorText.contains("damaged.onnx"))
        let made = Places.files(below: work("out")).map { String($0.dropFirst(work("out").count + 1)) }
        #expect(made == ["0/deeper/branches.thimble", "0/deeper/digits-mlp.thimble", "0/digits-cnn.thimble"])
        let files = try #require(try report(work("report.json"))["files"] as? [[String: Any]])
        #expect(files.count == 4)
        let failed = files.filter { $0["status"] as? String == "failed" }
        #expect(failed.count == 1 && (failed.first?["message"] as? String)?.contains("damaged.onnx") == true, "\(failed)")
        // The same folder once more: everything is there, so without --force and --resume every file is refused.
        let again = try convert(input, work("out"), ["--jobs", "2"]).run()
        #expect(again.exitCode == 2, "\(again)")
    }

    @Test func resumeSkipsWhatIsDoneAndRedoesWhatChanged() throws {
        let work = try TemporaryFolder()
        let input = try tree(work, copies: 2, damaged: false)
        try #require(try convert(input, work("out")).run().exitCode == 0)
        let inodes = try Self.inodes(work("out"))
        let resumed = try convert(input, work("out"), ["--resume"]).run()
        #expect(resumed.exitCode == 0, "\(resumed)")
        #expect(try Self.inodes(work("out")) == inodes, "nothing is written again")
        // Another content, another option, a damaged output: done again, and only that.
        try work.copy(Places.testModels + "/digits-mlp.onnx", as: "in/0/digits-cnn.onnx")
        try write(Array(try bytes(of: work("out/1/digits-cnn.thimble")).dropLast(1)), to: work("out/1/digits-cnn.thimble"))
        let third = try convert(input, work("out"), ["--resume"]).run()
        #expect(third.exitCode == 0, "\(third)")
        try #require(try convert(input, work("fresh")).run().exitCode == 0)
        #expect(try FaultTests.snapshot(work("out")) == FaultTests.snapshot(work("fresh")))
        let now = try Self.inodes(work("out"))
        #expect(now.filter { inodes[$0.key] == $0.value }.count == 4)
        let zlib = try convert(input, work("out"), ["--resume", "--zlib"]).run()
        #expect(zlib.exitCode == 0, "\(zlib)")
        #expect(try Self.inodes(work("out")).filter { now[$0.key] == $0.value }.isEmpty, "made with other options")
    }

    /// Killed at any moment, it leaves only whole files, and goes on where it was.
    @Test func survivesBeingKilled() throws {
        let work = try TemporaryFolder()
        let input = try tree(work, copies: 12, damaged: false)
        let reference = try convert(input, work("reference"), ["--zlib", "--jobs", "2"]).run()
        try #require(reference.exitCode == 0, "\(reference)")
        let expected = try FaultTests.snapshot(work("reference"))
        #expect(expected.count == 36)

        var random = SeededRandom(), problems: [String] = [], kills = 0, finished: [String: Int] = [:]
        for round in 0..<40 {
            // A new tree when the last one is whole.
            if finished.count == expected.count {
                try FileManager.default.removeItem(atPath: work("out"))
                finished = [:]
            }
            let outcome = try convert(input, work("out"), ["--zlib", "--jobs", "2", "--resume", "--report", work("report.json")]).with {
                $0.patience = reference.wallSeconds * Double.random(in: 0...0.9, using: &random)
            }.run()
            if outcome.timedOut { kills += 1 } else { problems += Checks.ending(outcome, allowed: [0]).map { "round \(round): \($0)" } }
            // Killed before it began: there is nothing to look at.
            guard Places.exists(work("out")) || !finished.isEmpty else { continue }
            let now = try Self.inodes(work("out"))
            for (name, content) in try FaultTests.snapshot(work("out")) where content != expected[name] {
                // Between getting a name and being moved into place a whole file may stand under a temporary one.
                if !name.hasSuffix(".tmp") { problems.append("round \(round): \(name) is torn: \(content.count) bytes") }
            }
            for (name, inode) in finished where now[name] != inode { problems.append("round \(round): \(name) was \(now[name] == nil ? "lost" : "written again")") }
            finished = now.filter { !$0.key.hasSuffix(".tmp") }
            if Places.exists(work("report.json")) { _ = try report(work("report.json")) }
        }
        let last = try convert(input, work("out"), ["--zlib", "--jobs", "2", "--resume", "--report", work("report.json")]).run()
        problems += Checks.ending(last, allowed: [0])
        let result = try FaultTests.snapshot(work("out"))
        if result != expected { problems.append("the tree differs: \(Set(result.keys).symmetricDifference(expected.keys))") }
        #expect((try report(work("report.json"))["files"] as? [Any])?.count == expected.count)
        #expect(problems.isEmpty, "seed \(random.seed); \(Checks.report(problems))")
        #expect(kills > 5, "seed \(random.seed)")
    }

    private static func inodes(_ folder: String) throws -> [String: Int] {
        var found: [String: Int] = [:]
        for path in Places.files(below: folder) {
            found[String(path.dropFirst(folder.count + 1))] = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
        }
        return found
    }

    @Test func followsNoLinkedFoldersAndStaysInItsFolder() throws {
        let work = try TemporaryFolder()
        let input = try tree(work, damaged: false)
        try work.folder("elsewhere")
        try work.copy(Places.testModels + "/training.onnx", as: "elsewhere/training.onnx")
        try FileManager.default.createSymbolicLink(atPath: input + "/link", withDestinationPath: "../elsewhere")
        try FileManager.default.createSymbolicLink(atPath: input + "/loop", withDestinationPath: ".")
        let odd = try Command.shell("cp \"$1\" $'in/new\\nline\\x1b[31m.onnx' && cp \"$1\" $'in/\\xff.onnx'", Places.testModels + "/training.onnx")
            .with { $0.folder = work.path }.run()
        try #require(odd.exitCode == 0, "\(odd)")
        let outcome = try convert(input, work("out"), ["--report", work("report.json")]).with { $0.patience = 20 }.run()
        #expect(Checks.ending(outcome, allowed: [0, 2]).isEmpty, "\(outcome)")
        #expect(Checks.tame(outcome).isEmpty, "\(Checks.tame(outcome))")
        _ = try report(work("report.json"))
        #expect(Checks.tame(try bytes(of: work("report.json")), "report").isEmpty)
        #expect(!Places.exists(work("out/link")) && !Places.exists(work("out/loop")))
        #expect(work.contents.filter { !$0.hasPrefix("in") && !$0.hasPrefix("out") && !$0.hasPrefix("elsewhere") } == ["report.json"])
    }
}
