@testable import Tensors
import Testing

@Suite struct SHA1Tests {
    private func digest(_ bytes: [UInt8], piece: Int) -> String {
        var sha = SHA1()
        for start in stride(from: 0, to: bytes.count, by: piece) { unsafe sha.update(Array(bytes[start..<min(start + piece, bytes.count)]).span.bytes) }
        return sha.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// FIPS 180-2, appendix A, and the digest of nothing.
    @Test func givesTheDigestsOfTheStandard() {
        #expect(digest([], piece: 1) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(digest(Array("abc".utf8), piece: 64) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        let two = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        #expect(digest(two, piece: 64) == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        #expect(digest([UInt8](repeating: 0x61, count: 1_000_000), piece: 4096) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
    }

    @Test func piecesMakeNoDifference() {
        let bytes = (0..<300).map { UInt8($0 % 251) }
        let whole = digest(bytes, piece: 300)
        for piece in [1, 3, 55, 56, 63, 64, 65, 119, 120, 128] { #expect(digest(bytes, piece: piece) == whole) }
    }
}
