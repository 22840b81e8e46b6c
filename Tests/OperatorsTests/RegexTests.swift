import Testing

@testable import Operators

struct RegexTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool {
        try Regex(Array(pattern.utf8)).matchesAll(Array(text.unicodeScalars))
    }

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("abc", "abc", true), ("abc", "abcd", false), ("a|bc|", "bc", true), ("a|bc|", "", true), ("(a|b)*c", "ababc", true),
        ("a{2,3}", "a", false), ("a{2,3}", "aaa", true), ("a{2,3}", "aaaa", false), ("a{2,}", "aaaaa", true), ("a{,2}", "a{,2}", true), ("a+?b??", "aab", true),
        (".*", "a\nb", false), ("(?s).*", "a\nb", true), ("(?m)a$\\n^b", "a\nb", true), ("a$\\nb", "a\nb", false), ("[^a-c]+", "dé", true), ("[]a]+", "]a", true),
        ("[a-]+", "-a", true), ("[\\d_]+", "1_2", true), ("[[:alpha:]]+", "Ab", true), ("[[:^alpha:]]+", "12", true), ("\\W", "é", true), ("\\w", "é", false),
        ("(?i)straße", "STRAßE", true), ("(?i)[^a]", "A", false), ("(?i:a)b", "AB", false), ("(?P<name>x)y", "xy", true), ("\\Qa.b\\E.", "a.bc", true),
        ("\\x41\\x{1F600}", "A😀", true), ("\\bcom\\b", "com", true), ("www\\.[\\w.-]+\\.\\bcom\\b", "www.a-b.com", true), ("(|a)+", "aaa", true),
    ])
    func followsTheSyntaxOfRE2(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text) == expected, "'\(pattern)' and '\(text)'")
    }

    @Test(arguments: ["(", ")", "a)", "[a", "*a", "a**", "(?=a)", "(?!a)", "\\1", "\\p{L}", "\\", "[b-a]", "[[:nothing:]]", "a{3,2}", "a{1001}", "\\x{110000}", "(?P<a"])
    func refusesWhatItCannotFollow(pattern: String) {
        #expect(throws: (any Error).self) { try Regex(Array(pattern.utf8)) }
    }

    @Test func takesTimeThatGrowsWithTheTextOnly() throws {
        // A matcher that goes back would need 2^1000 steps.
        #expect(try !matches("(a*)*(a|aa)*b", String(repeating: "a", count: 1000)))
    }

    @Test func limitsWhatAPatternCanAskFor() throws {
        #expect(throws: (any Error).self) { try Regex(Array("((a{1000}){1000}){1000}".utf8)) }
        #expect(throws: (any Error).self) { try Regex(Array((String(repeating: "(", count: 5000) + String(repeating: ")", count: 5000)).utf8)) }
        // Nothing, a billion times.
        #expect(try matches("((){1000}){1000}", ""))
    }

    @Test func findsTheLongestMatch() throws {
        let text = Array("xaab".unicodeScalars), regex = try Regex(Array("a|aa".utf8))
        #expect(regex.longestMatch(text, from: 1) == 3)
        #expect(regex.longestMatch(text, from: 0) == nil)
    }
}
