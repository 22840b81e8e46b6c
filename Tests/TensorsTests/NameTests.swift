import Tensors
import Testing

@Suite struct NameTests {
    @Test func keepsNamesApartThatDifferOnlyInNormalisation() {
        let composed: Name = "caf\u{e9}"
        let decomposed: Name = "cafe\u{301}"
        #expect(composed.text == decomposed.text, "Swift calls them equal: that is why Name exists")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }

    @Test func keepsNulAndLineEndsAsBytes() {
        let name = Name(utf8: [0x61, 0, 0x62, 13, 10])
        #expect(name?.byteCount == 5)
        #expect(name?.bytes == [0x61, 0, 0x62, 13, 10])
        #expect(name != "a")
    }

    @Test func refusesBytesThatAreNotUTF8() {
        #expect(Name(utf8: [0x77, 0xff]) == nil)
        #expect(Name(utf8: [0xc0, 0x80]) == nil, "an overlong NUL")
        #expect(Name(utf8: [0xed, 0xa0, 0x80]) == nil, "a surrogate")
    }

    @Test func sortsByBytes() {
        #expect(["b", "a\u{e9}", "ae\u{301}", "B"].map { Name($0) }.sorted() == ["B", "ae\u{301}", "a\u{e9}", "b"])
    }
}
