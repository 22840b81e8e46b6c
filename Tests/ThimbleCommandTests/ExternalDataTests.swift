import Foundation
import TestSupport
import Testing

/// The same hostile path in each of the nine places that hold tensors: refused, and nothing outside the model's folder is opened.
@Suite(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
struct ExternalDataTests {
    static let hasStrace = Places.exists("/usr/bin/strace")

    /// The system's own files; every process opens some of them.
    private static let systemFolders = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/proc/", "/sys/", "/etc/ld.so", "/etc/locale", "/usr/share/", "/dev/null", "/dev/tty"]

    private func makeFolders() throws -> (TemporaryFolder, [String]) {
        let work = try TemporaryFolder()
        let made = try Command.oracle("make_cases.py", "traversals", work.path).run()
        try #require(made.exitCode == 0, "\(made)")
        return (work, try FileManager.default.contentsOfDirectory(atPath: work.path).filter { Places.exists(work($0) + "/model.onnx") }.sorted())
    }

    @Test(arguments: ["convert", "inspect", "verify"])
    func refusesEveryPathInEveryPlace(command: String) throws {
        let (work, names) = try makeFolders()
        #expect(names.count == 9 * 27)
        var problems: [String] = []
        for name in names {
            let model = work(name) + "/model.onnx", target = work("out.thimble")
            let run = command == "convert" ? convert(model, target) : Command.thimble(command, model)
            let outcome = try run.with { $0.patience = 10; $0.environment["HOME"] = work.path }.run()
            let isGood = name.hasSuffix("-good")
            var found = Checks.ending(outcome, allowed: [isGood ? 0 : 1])
            if !isGood { found += Checks.refusal(outcome, naming: "model.onnx") }
            if !isGood, Places.exists(target) { found.append("output left behind") }
            problems += found.map { "\(name): \($0)" }
            try? FileManager.default.removeItem(atPath: target)
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
    }

    @Test(.enabled(if: hasStrace, "strace is not installed"))
    func opensNothingOutsideTheFolder() throws {
        let (work, names) = try makeFolders()
        // One strace for all: the processes of a loop.
        let script = "for m in \"$@\"; do \"$THIMBLE\" convert \"$m/model.onnx\" -o \"$m.thimble\" > /dev/null 2>&1; done; exit 0"
        let outcome = try Command(["/usr/bin/strace", "-f", "-q", "-y", "-e", "trace=open,openat,openat2,execve", "-o", work("trace"), "/bin/bash", "-c", script, "bash"]
            + names.map { work($0) }).with { $0.environment["THIMBLE"] = Places.thimble; $0.patience = 180 }.run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let trace = String(decoding: try bytes(of: work("trace")), as: UTF8.self)
        var problems: [String] = [], opened = 0
        let lines = trace.split(separator: "\n")
        // The first process is the shell of the loop, which reads what it likes: /etc/passwd where HOME is not set.
        let shell = try #require(lines.first?.prefix { $0 != " " })
        for line in lines where line.contains("open") && !line.contains("execve") && !line.hasPrefix(shell + " ") {
            // A successful call ends in "= 5</the/path/of/it>".
            guard let end = line.range(of: #"= \d+<[^>]*>"#, options: .regularExpression) else { continue }
            let path = String(line[end].drop { $0 != "<" }.dropFirst().dropLast())
            if Self.systemFolders.contains(where: path.hasPrefix) || path.hasSuffix(".so") || path.contains(".so.") { continue }
            opened += 1
            let inside = path == work.path || path.hasPrefix(work.path + "/")
            let isOutside = !inside || path == work("secret.bin")
            if isOutside { problems.append(String(line.prefix(300))) }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
        #expect(opened > names.count, "the trace shows the models themselves")
    }
}
