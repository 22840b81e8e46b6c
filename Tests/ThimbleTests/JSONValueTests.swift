import Foundation
import Testing
import TestSupport

@testable import Thimble

@Suite struct JSONValueTests {
    private static let hostile = [
        "\u{1b}[31mred", "\u{7f}\u{9b}", "a\u{202e}b", "line\u{2028}end", "\"quoted\\\"", "</script>", "\0", "é", "e\u{301}", "🧵", "\r\n", "\t",
    ]

    @Test func writesAsciiOnlyAndGivesTheExactTextBack() throws {
        for text in Self.hostile {
            let document = JSONValue.array([.string(text)]).description
            #expect(document.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }, "\(document)")
            let parsed = try #require(JSONSerialization.jsonObject(with: Data(document.utf8)) as? [String])
            #expect(Array(parsed[0].unicodeScalars) == Array(text.unicodeScalars))
        }
    }

    @Test func keepsTextsApartThatDifferOnlyInNormalisation() {
        #expect(JSONValue.string("é").description != JSONValue.string("e\u{301}").description)
        #expect(JSONValue.string("é") != JSONValue.string("e\u{301}"))
    }

    @Test func writesNullForNumbersThatJsonDoesNotHave() {
        #expect(JSONValue.array([.number(.nan), .number(.infinity), .number(-.infinity)]).description == "[null, null, null]")
    }

    @Test func writesNumbersThatParseToThemselves() throws {
        var random = SeededRandom()
        for _ in 0..<200 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            let text = JSONValue.number(value).description
            #expect(Double(text) == value, "seed \(random.seed)")
            #expect(throws: Never.self, "seed \(random.seed)") { try JSONSerialization.jsonObject(with: Data("[\(text)]".utf8)) }
        }
        #expect(JSONValue.int(.min).description == "-9223372036854775808")
    }

    @Test func keepsTheOrderOfKeys() {
        let document: JSONValue = ["b": 1, "a": ["x", true, nil], "c": [:]]
        #expect(document.description == "{\n  \"b\": 1,\n  \"a\": [\"x\", true, null],\n  \"c\": {}\n}")
    }
}
