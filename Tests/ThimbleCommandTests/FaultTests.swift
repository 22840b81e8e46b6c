import Foundation
import TestSupport
import Testing

/// Lets the first, second, third … call of a kind fail, until a run has none left: the output is the old one or the complete
/// new one, and a failure is one sentence and no litter.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
struct FaultTests {
    struct Job: CustomTestStringConvertible {
        let name: String
        let isBack: Bool
        let options: [String]
        let replaces: Bool
        var testDescription: String { name }
    }

    static let jobs = [
        Job(name: "onnx to thimble", isBack: false, options: [], replaces: false),
        Job(name: "onnx to thimble, replacing", isBack: false, options: ["--force"], replaces: true),
        Job(name: "onnx to thimble with --zlib", isBack: false, options: ["--zlib"], replaces: false),
        Job(name: "thimble to onnx", isBack: true, options: [], replaces: false),
        Job(name: "thimble to onnx, replacing", isBack: true, options: ["--force"], replaces: true),
        Job(name: "thimble to onnx with external data", isBack: true, options: ["--external-data", "--force"], replaces: true),
    ]

    /// Calls that are failed together, and how.
    static let faults: [(calls: String, errors: [String])] = [
        ("write,pwrite,writev", ["ENOSPC", "EIO", "EINTR", "SHORT", "EDQUOT", "KILL"]),
        ("copy_file_range", ["ENOSPC", "EIO", "EINTR", "SHORT", "EXDEV", "KILL"]),
        ("open,openat", ["EACCES", "EMFILE", "EINTR", "KILL"]),
        ("fsync,ftruncate", ["EIO", "ENOSPC", "KILL"]),
        ("close", ["EIO"]),
        ("linkat,renameat,rename", ["EACCES", "EIO", "ENOSPC", "KILL"]),
        ("mmap", ["ENOMEM", "EACCES"]),
        ("fstat", ["EIO"]),
        ("read,pread", ["EIO", "EINTR", "SHORT"]),
    ]

    @Test(arguments: jobs)
    func leavesTheOldOrTheNewFile(job: Job) throws {
        let work = try TemporaryFolder()
        let made = try Command.oracle("make_cases.py", "weights", work("m.onnx"), "300000").run()
        try #require(made.exitCode == 0, "\(made)")
        try #require(try convert(work("m.onnx"), work("m.thimble")).run().exitCode == 0)
        let source = work(job.isBack ? "m.thimble" : "m.onnx"), name = job.isBack ? "out.onnx" : "out.thimble"
        let old = Array("the old content".utf8)
        let reference = try convert(source, try work.folder("reference") + "/" + name, job.options).run()
        try #require(reference.exitCode == 0, "\(reference)")
        let expected = try Self.snapshot(work("reference")), shim = try CTool.faultShim.path

        var problems: [String] = [], runs = 0
        for (calls, errors) in Self.faults {
            for error in errors {
                for n in 1... {
                    let folder = try work.folder("out-\(runs)")
                    if job.replaces { try write(old, to: folder + "/" + name) }
                    let outcome = try convert(source, folder + "/" + name, job.options).with {
                        $0.environment = [
                            "LD_PRELOAD": shim, "FAULT_CALL": calls, "FAULT_ERR": error, "FAULT_AT": String(n),
                            "FAULT_COUNT": work("count-\(runs)"),
                        ]
                        $0.patience = 20
                    }.run()
                    runs += 1
                    let found = try Self.snapshot(folder)
                    problems += Self.judge(outcome, found: found, expected: expected, old: job.replaces ? [name: old] : [:], isKill: error == "KILL")
                        .map { "\(calls) \(error) at \(n): \($0)" }
                    try FileManager.default.removeItem(atPath: folder)
                    if try Self.count(work("count-\(runs - 1)")) < n { break }
                    guard n < 200 else {
                        problems.append("\(calls) \(error): no end after \(n) calls")
                        break
                    }
                }
            }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
        #expect(runs > 60, "the shim reaches the calls")
    }

    private static func judge(
        _ outcome: Command.Outcome, found: [String: [UInt8]], expected: [String: [UInt8]], old: [String: [UInt8]], isKill: Bool
    ) -> [String] {
        var problems: [String] = []
        let wasKilled = isKill && outcome.signal == 9 && !outcome.timedOut
        if !wasKilled { problems += Checks.ending(outcome) }
        for (name, content) in found where content != expected[name] && content != old[name] {
            // A kill between naming the file and moving it into place leaves a whole file under a temporary name, and a kill
            // between a data file and its model leaves a whole data file.
            if wasKilled, name.hasSuffix(".tmp") { continue }
            problems.append(expected[name] == nil ? "\(name) is left behind" : "\(name) is torn: \(content.count) bytes")
        }
        for name in old.keys where found[name] == nil { problems.append("the old \(name) is gone") }
        if outcome.exitCode == 0, found != expected { problems.append("exit code 0 without the whole output") }
        if outcome.exitCode == 1, found != old { problems.append("exit code 1, but the folder changed: \(found.keys.sorted())") }
        if outcome.exitCode == 1, outcome.errorLines.count != 1 { problems.append("\(outcome.errorLines.count) lines on stderr: \(outcome)") }
        return problems
    }

    /// Every file of a folder with its bytes.
    static func snapshot(_ folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for path in Places.files(below: folder) { files[String(path.dropFirst(folder.count + 1))] = try bytes(of: path) }
        return files
    }

    /// How many calls the shim saw.
    static func count(_ path: String) throws -> Int {
        guard Places.exists(path) else { return 0 }
        return try bytes(of: path).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
