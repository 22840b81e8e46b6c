import TestSupport
import Testing

/// The means of these tests, tested themselves: a limit that does not bite would let everything pass.
struct TestSupportTests {
    @Test func reportsCodesSignalsAndOutput() throws {
        let outcome = try Command.shell("echo out; echo err >&2; exit 3").run()
        #expect(outcome.exitCode == 3 && outcome.signal == 0 && outcome.text == "out\n" && outcome.errorText == "err\n")
        let killed = try Command.shell("kill -SEGV $$").run()
        #expect(killed.exitCode == -1 && killed.signal == 11)
        #expect(!Checks.ending(killed).isEmpty && !Checks.ending(outcome).isEmpty)
    }

    @Test func limitsBite() throws {
        let slow = try Command.shell("sleep 10").with { $0.patience = 0.1 }.run()
        #expect(slow.timedOut && slow.wallSeconds < 5)
        let size = try Command.shell("ulimit -s; ulimit -v; ulimit -n").with {
            $0.stackKilobytes = 512
            $0.addressSpaceMegabytes = 100
            $0.openFiles = 30
        }.run()
        #expect(size.text == "512\n102400\n30\n")
    }

    /// Not what this large process held when it started the child.
    @Test func memoryIsThatOfTheCommand() throws {
        let outcome = try Command(["/bin/true"]).run()
        #expect(outcome.peakMemory < 6 << 20, "\(outcome.peakMemory)")
    }

    @Test func theShimReachesItsCall() throws {
        let work = try TemporaryFolder(), shim = try CTool.faultShim.path
        let outcome = try Command(["/bin/cat", "/etc/passwd"]).with {
            $0.environment = ["LD_PRELOAD": shim, "FAULT_CALL": "open,openat", "FAULT_ERR": "EIO", "FAULT_AT": "1", "FAULT_COUNT": work("count")]
        }.run()
        #expect(outcome.exitCode == 1 && outcome.output.isEmpty, "\(outcome)")
        #expect(try FaultTests.count(work("count")) >= 1)
    }

    @Test func wildTextIsFound() {
        for text in ["\u{1b}[31m", "\u{202e}", "\u{9b}", "\r", "\u{2028}", "\u{feff}", "\u{7f}"] { #expect(!Checks.tame(Array(text.utf8), "text").isEmpty) }
        #expect(!Checks.tame([0xff], "text").isEmpty)
        #expect(Checks.tame(Array("plain, tab\tand line\nand ü…→".utf8), "text").isEmpty)
    }
}
