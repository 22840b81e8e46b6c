import TestSupport
import Testing

@testable import Tensors

@Suite struct FilterTests {
    static let all: [Filter] = [
        Filter(.none, width: 1)!, Filter(.byteShuffle, width: 1)!, Filter(.byteShuffle, width: 2)!, Filter(.byteShuffle, width: 4)!,
        Filter(.byteShuffle, width: 8)!, Filter(.rot1ByteShuffle, width: 2)!, Filter(.rot1ByteShuffle, width: 4)!,
        Filter(.rot1ByteShuffle, width: 8)!, Filter(.unpackBits, width: 3)!, Filter(.unpackBits, width: 5)!, Filter(.unpackBits, width: 6)!,
        Filter(.unpackBits, width: 7)!,
    ]

    static func apply(_ filter: Filter, _ raw: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0xee, count: filter.filteredCount(raw.count))
        unsafe raw.withUnsafeBytes { raw in unsafe output.withUnsafeMutableBytes { unsafe filter.apply(raw, into: $0) } }
        return output
    }

    static func undo(_ filter: Filter, _ filtered: [UInt8], count: Int) throws -> [UInt8] {
        var raw = [UInt8](repeating: 0xee, count: count)
        try unsafe filtered.withUnsafeBytes { filtered in try unsafe raw.withUnsafeMutableBytes { try unsafe filter.undo(filtered, into: $0) } }
        return raw
    }

    /// The format's words, one byte and one bit at a time.
    static func reference(_ filter: Filter, _ raw: [UInt8]) -> [UInt8] {
        let w = filter.width, q = raw.count / w
        switch filter.kind {
        case .none: return raw
        case .unpackBits:
            let bits = raw.flatMap { byte in (0..<8).map { byte >> UInt8($0) & 1 } }
            return stride(from: 0, to: bits.count, by: w).map { start in
                bits[start..<min(bits.count, start + w)].enumerated().reduce(0) { $0 | $1.element << UInt8($1.offset) }
            }
        case .byteShuffle, .rot1ByteShuffle:
            var output = raw
            for i in 0..<q {
                var integer = Array(raw[i * w..<(i + 1) * w])
                if filter.kind == .rot1ByteShuffle {
                    let high = integer[w - 1] >> 7
                    for k in (0..<w).reversed() { integer[k] = integer[k] << 1 | (k == 0 ? high : integer[k - 1] >> 7) }
                }
                for k in 0..<w { output[k * q + i] = integer[k] }
            }
            return output
        }
    }

    @Test func shufflesTheVectorsOfTheFormat() {
        let floats = [1, -2, 0.5].flatMap { (value: Float) in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
        #expect(Self.apply(Filter(.rot1ByteShuffle, width: 4)!, floats) == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0x80, 0x7e])
        #expect(Self.apply(Filter(.byteShuffle, width: 4)!, floats) == [0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0x3f, 0xc0, 0x3f])
        #expect(Self.apply(Filter(.unpackBits, width: 6)!, [0x40, 0x20, 0x0c, 0x44, 0x61, 0x1c]) == [0, 1, 2, 3, 4, 5, 6, 7])
    }

    @Test(arguments: all) func agreesWithTheReferenceAndUndoesItself(filter: Filter) throws {
        var random = SeededRandom()
        for count in Array(0...40) + [255, 1000, 4099] {
            let raw = random.bytes(count), filtered = Self.apply(filter, raw)
            #expect(filtered == Self.reference(filter, raw), "\(filter) on \(count) bytes, seed \(random.seed)")
            #expect(try Self.undo(filter, filtered, count: count) == raw, "\(filter) on \(count) bytes, seed \(random.seed)")
        }
    }

    @Test(arguments: [3, 5, 6, 7]) func refusesACodeWithTooManyBits(width: Int) throws {
        let filter = Filter(.unpackBits, width: width)!
        for count in [1, width, 2 * width + 1] {
            var filtered = Self.apply(filter, [UInt8](repeating: 0, count: count))
            for index in filtered.indices {
                filtered[index] = 1 << UInt8(width)
                #expect(throws: ModelError(.damagedFile, "an unpacked code has bits beyond its \(width)")) {
                    try Self.undo(filter, filtered, count: count)
                }
                filtered[index] = 0
            }
        }
    }

    @Test func refusesWidthsThatAKindDoesNotHave() {
        #expect(Filter(.rot1ByteShuffle, width: 1) == nil)
        #expect(Filter(.unpackBits, width: 4) == nil)
        #expect(Filter(.byteShuffle, width: 3) == nil)
        #expect(throws: ModelError(.unsupported, "uses filter 4; this version knows filters 0 to 3")) { try Filter(number: 4, width: 4) }
        #expect(throws: ModelError(.damagedFile, "filter UNPACK_BITS does not work on a width of 8")) { try Filter(number: 3, width: 8) }
    }

    @Test func cutsSegmentsAtMultiplesOfTheWidth() {
        let layout = ChunkLayout(rawSize: 10_000, log2: 12, width: 7)
        #expect(layout.chunkLength == 4095)
        #expect((0..<layout.count).map(layout.range) == [0..<4095, 4095..<8190, 8190..<10_000])
        #expect(ChunkLayout(rawSize: 0, log2: 24, width: 1).count == 0)
    }
}
