import Tensors
import Testing

@Suite struct PrintableTests {
    @Test(arguments: [
        ("plain name", "plain name"), ("größe/1:0", "größe/1:0"), ("a\nb\tc", "a\\u{a}b\\u{9}c"), ("\u{1b}[31m", "\\u{1b}[31m"),
        ("x\u{202e}y", "x\\u{202e}y"), ("cafe\u{301}", "cafe\\u{301}"), ("it's", "it\\'s"), ("a\\b", "a\\\\b"), ("\u{9b}2J", "\\u{9b}2J"),
        ("\u{2028}", "\\u{2028}"), ("\u{a0}", "\\u{a0}"),
    ])
    func escapesWhatATerminalWouldObey(text: String, expected: String) {
        #expect(printable(text) == expected)
    }

    @Test func keepsWrongBytesApart() {
        #expect(printable(utf8: [0x77, 0xff]) == "w\\xff")
        #expect(printable(utf8: [0x77, 0xfe]) == "w\\xfe")
        #expect(printable(utf8: [0x0a, 0xc3]) == "\\u{a}\\xc3")
    }

    @Test func shortensInTheMiddleAndSaysTheLength() {
        let long = printable(String(repeating: "a", count: 300) + "end")
        #expect(long.count < 140)
        #expect(long.hasSuffix("end (303 bytes)"))
        let huge = printable(String(repeating: "b", count: 1_000_000))
        #expect(huge.hasSuffix("(1000000 bytes)"))
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345, "12.3 kB"), (90_284_226, "90.3 MB"), (1_074_006_099, "1.07 GB"),
        (999_600, "1.00 MB"), (2_500_000_000_000, "2.50 TB"),
    ])
    func writesByteCountsWithThreeDigits(count: Int, expected: String) {
        #expect(printable(bytes: count) == expected)
    }
}
