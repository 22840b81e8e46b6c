import Foundation
import TestSupport
import Testing

/// Where output goes, and what happens when it cannot.
struct OutputTests {
    private let work: TemporaryFolder
    private let source: String

    init() throws {
        work = try TemporaryFolder()
        source = try work.copy(Places.testModels + "/digits-cnn.onnx")
    }

    /// One sentence, exit code 1, and the folder as it was.
    private func expectRefusal(_ command: Command, mentioning words: String, location: SourceLocation = #_sourceLocation) throws {
        let before = try FaultTests.snapshot(work.path)
        let outcome = try command.with { $0.patience = 20 }.run()
        #expect(outcome.exitCode == 1 && outcome.errorLines.count == 1, "\(outcome)", sourceLocation: location)
        #expect(outcome.errorText.contains(words), "\(outcome)", sourceLocation: location)
        #expect(try FaultTests.snapshot(work.path) == before, "the folder changed", sourceLocation: location)
    }

    @Test func standsBesideTheInputByDefault() throws {
        let outcome = try Command.thimble("convert", source).run()
        #expect(outcome.exitCode == 0 && outcome.errors.isEmpty, "\(outcome)")
        #expect(work.contents == ["digits-cnn.onnx", "digits-cnn.thimble"])
    }

    @Test func replacesOnlyByForce() throws {
        try write(Array("precious".utf8), to: work("out.thimble"))
        try expectRefusal(convert(source, work("out.thimble")), mentioning: "--force")
        let forced = try convert(source, work("out.thimble"), ["--force"]).run()
        #expect(forced.exitCode == 0, "\(forced)")
        #expect(try bytes(of: work("out.thimble")).count > 1_000)
    }

    @Test func neverWritesOverItsInput() throws {
        try #require(try Command.thimble("convert", source).run().exitCode == 0)
        let made = try Command.shell("ln digits-cnn.onnx hard.onnx && ln -s digits-cnn.onnx soft.onnx && mkdir d").with { $0.folder = work.path }.run()
        try #require(made.exitCode == 0, "\(made)")
        for target in ["digits-cnn.onnx", "hard.onnx", "soft.onnx", "./digits-cnn.onnx", "d/../digits-cnn.onnx"] {
            try expectRefusal(convert(source, work(target), ["--force"]), mentioning: ".onnx")
        }
        let thimble = work("digits-cnn.thimble")
        try expectRefusal(convert(thimble, thimble, ["--force"]), mentioning: "digits-cnn.thimble")
        try FileManager.default.createSymbolicLink(atPath: work("alias.thimble"), withDestinationPath: "digits-cnn.thimble")
        try expectRefusal(convert(thimble, work("alias.thimble"), ["--force"]), mentioning: "alias.thimble")
    }

    /// The data file of the source must not be what is written either.
    @Test func neverWritesOverTheExternalDataOfItsInput() throws {
        for name in ["external.onnx", "external-a.bin", "external-b.bin"] { try work.copy(Places.testModels + "/" + name) }
        try FileManager.default.createSymbolicLink(atPath: work("other.thimble"), withDestinationPath: "external-a.bin")
        let before = try bytes(of: work("external-a.bin"))
        _ = try convert(work("external.onnx"), work("other.thimble"), ["--force"]).run()
        #expect(try bytes(of: work("external-a.bin")) == before)
    }

    @Test func saysWhenTheTargetCannotBeWritten() throws {
        try work.folder("taken.thimble")
        try expectRefusal(convert(source, work("nowhere/out.thimble")), mentioning: "nowhere")
        try expectRefusal(convert(source, work("digits-cnn.onnx/out.thimble")), mentioning: "digits-cnn.onnx")
        try expectRefusal(convert(source, work("taken.thimble"), ["--force"]), mentioning: "taken.thimble")
        try expectRefusal(convert(source, "/dev/full/out.thimble"), mentioning: "/dev/full")
        try expectRefusal(convert(source, "/proc/out.thimble"), mentioning: "/proc")
        try expectRefusal(convert(source, work(String(repeating: "n", count: 300) + ".thimble")), mentioning: "too long")
        try expectRefusal(convert(work("missing.onnx"), work("out.thimble")), mentioning: "missing.onnx")
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func aLimitOnFileSizeIsAFullDisk() throws {
        let made = try Command.oracle("make_cases.py", "weights", work("w.onnx"), "500000").run()
        try #require(made.exitCode == 0, "\(made)")
        for options in [[], ["--zlib"]] {
            try expectRefusal(convert(work("w.onnx"), work("out.thimble"), options).with { $0.largestFileBytes = 200_000 }, mentioning: "out.thimble")
        }
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func aFullDiskLeavesNothing() throws {
        let made = try Command.oracle("make_cases.py", "weights", work("w.onnx"), "500000").run()
        try #require(made.exitCode == 0, "\(made)")
        let script = """
            mkdir "$1/small" && mount -t tmpfs -o size=512k none "$1/small" || exit 77
            "$2" convert "$1/w.onnx" -o "$1/small/out.thimble"; code=$?
            ls -A "$1/small" >&2
            exit $code
            """
        let outcome = try Command(["/usr/bin/unshare", "-U", "-r", "-m", "/bin/bash", "-c", script, "bash", work.path, Places.thimble]).run()
        // Without user namespaces there is no small file system to fill: the limit on the file size above is what remains.
        if outcome.exitCode == 77 || outcome.errorText.contains("unshare") { return }
        #expect(outcome.exitCode == 1 && outcome.errorLines.count == 1, "\(outcome)")
        #expect(outcome.errorText.contains("out.thimble"), "\(outcome)")
    }

    @Test func aResultThatCannotBePrintedIsAFailure() throws {
        for line in ["inspect \"$2\"", "inspect --json \"$2\"", "verify \"$2\"", "convert --force \"$2\" -o \"$2.thimble\"", "--help"] {
            let outcome = try Command.shell("\"$1\" \(line) > /dev/full", Places.thimble, source).run()
            #expect(outcome.exitCode == 1 && outcome.errorLines.count == 1, "\(line): \(outcome)")
        }
    }

    @Test func aReaderThatGoesAwayIsNoFailure() throws {
        for line in ["inspect --nodes --tensors", "inspect --json --nodes"] {
            let outcome = try Command.shell("for i in 1 2 3 4 5; do \"$1\" \(line) \"$2\" | head -c 1 > /dev/null; done", Places.thimble, source).run()
            #expect(outcome.exitCode == 0 && outcome.errors.isEmpty, "\(line): \(outcome)")
        }
    }

    @Test func twoWritersOfOneFileBothGiveAWholeOne() throws {
        try #require(try convert(source, work("expected.thimble"), ["--zlib"]).run().exitCode == 0)
        let script = """
            for i in $(seq 40); do
              "$1" convert "$2" -o "$3" --zlib --force > /dev/null & a=$!
              "$1" convert "$2" -o "$3" --zlib --force > /dev/null & b=$!
              "$1" inspect "$3" > /dev/null || [ $i = 1 ] || exit 3
              wait $a || exit 1; wait $b || exit 2
              cmp "$3" "$4" || exit 4
            done
            """
        let outcome = try Command.shell(script, Places.thimble, source, work("out.thimble"), work("expected.thimble")).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(work.leftovers.isEmpty, "\(work.leftovers)")
        // Without --force exactly one of two wins.
        let race = """
            "$1" convert "$2" -o "$3" > /dev/null 2>&1 & a=$!
            "$1" convert "$2" -o "$3" > /dev/null 2>&1 & b=$!
            wait $a; a=$?; wait $b; b=$?
            [ $((a + b)) = 1 ] || { echo "exit codes $a and $b"; exit 1; }
            """
        for i in 0..<10 {
            let outcome = try Command.shell(race, Places.thimble, source, work("race-\(i).thimble")).run()
            #expect(outcome.exitCode == 0, "\(outcome.text)")
        }
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func stopsWhenItsTimeIsOver() throws {
        let made = try Command.oracle("make_cases.py", "weights", work("w.onnx"), "40000000").run()
        try #require(made.exitCode == 0, "\(made)")
        try expectRefusal(convert(work("w.onnx"), work("out.thimble"), ["--zlib", "--timeout", "0.05"]), mentioning: "--timeout")
    }

    @Test func leavesNothingBehindWhenInterrupted() throws {
        for signal in ["INT", "TERM"] {
            let script = """
                "$1" convert "$2" -o "$3" --zlib --jobs 2 > /dev/null 2>&1 & pid=$!
                sleep 0.02; kill -\(signal) $pid 2> /dev/null; wait $pid; code=$?
                [ $code -le 2 ] || [ $code = 130 ] || [ $code = 143 ] || exit $code
                find "$3" -name '*.tmp' | grep -q . && exit 99
                exit 0
                """
            let input = try work.folder("in")
            for i in 0..<30 { try work.copy(source, as: "in/\(i).onnx") }
            let outcome = try Command.shell(script, Places.thimble, input, work("out-\(signal)")).run()
            #expect(outcome.exitCode == 0, "\(signal): \(outcome)")
        }
    }

    /// While statistics are taken and weights are rounded nothing of the output is to be seen, whenever that ends.
    @Test(.enabled(if: Places.hasCorpus, "../shared/corpus is not here"), arguments: ["INT", "TERM"])
    func leavesNoFileWhenQuantizingIsInterrupted(signal: String) throws {
        let script = """
            "$1" convert "$2" -o "$3/out.thimble" --quantize int4 --zlib > /dev/null 2>&1 & pid=$!
            sleep "$4"; kill -\(signal) $pid 2> /dev/null; wait $pid; code=$?
            [ $code = 0 ] && { rm -f "$3/out.thimble"; exit 0; }
            [ $code = 1 ] || [ $code = 130 ] || [ $code = 143 ] || exit $code
            [ -z "$(ls -A "$3")" ] || exit 99
            exit 7
            """
        let output = try work.folder("out-\(signal)")
        var interrupted = 0
        for seconds in ["0.02", "0.05", "0.1", "0.2", "0.4"] {
            let outcome = try Command.shell(script, Places.thimble, "\(Places.corpus)/models/yolox-nano.onnx", output, seconds).run()
            #expect([0, 7].contains(outcome.exitCode), "after \(seconds) s: \(outcome)")
            if outcome.exitCode == 7 { interrupted += 1 }
        }
        #expect(interrupted > 0)
    }

    @Test(arguments: [
        [], ["convert"], ["frobnicate"], ["convert", "a.onnx", "--no-such-option"], ["inspect"], ["compare", "a.onnx"], ["inspect", "a.onnx", "--graph", "png"],
        ["convert", "a.onnx", "-o", "a.txt"], ["convert", "a.onnx", "--jobs", "none"], ["convert", "a.onnx", "--timeout", "-1"], ["verify", "a.thimble", "--source"],
        ["convert", "a.onnx", "--max-decoded", "much"],
    ])
    func aWrongCommandLineIs64(arguments: [String]) throws {
        let outcome = try Command([Places.thimble] + arguments).with { $0.folder = work.path }.run()
        if arguments.isEmpty {
            // Nothing asked: the help, or the code of a wrong line.
            #expect([0, 64].contains(outcome.exitCode), "\(outcome)")
        } else {
            #expect(outcome.exitCode == 64 && !outcome.errors.isEmpty, "\(outcome)")
        }
    }

    @Test func helpAndVersionWork() throws {
        for arguments in [["--help"], ["--version"], ["convert", "--help"], ["inspect", "--help"], ["verify", "--help"], ["compare", "--help"]] {
            let outcome = try Command([Places.thimble] + arguments).run()
            #expect(outcome.exitCode == 0 && !outcome.output.isEmpty && outcome.errors.isEmpty, "\(outcome)")
        }
    }
}
