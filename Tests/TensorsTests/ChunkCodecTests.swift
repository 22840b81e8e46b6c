import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite struct ChunkCodecTests {
    static let efforts: [ChunkEncoder.Effort] = [.quick(matches: false), .quick(matches: true), .exhaustive]

    /// Data of very different planes: weights, zeros, runs, text-like repeats, noise.
    static func samples(_ random: inout SeededRandom) -> [[UInt8]] {
        let weights = (0..<20_000).flatMap { _ -> [UInt8] in
            let value = Float.random(in: -1...1, using: &random) * Float.random(in: 0...0.1, using: &random)
            return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
        let words = (0..<3000).flatMap { _ in Array("weight bias scale ".utf8.prefix(Int.random(in: 4...18, using: &random))) }
        return [
            [], [7], [UInt8](repeating: 0, count: 100_000), weights, words, random.bytes(70_001), random.bytes(300),
            (0..<40_000).map { UInt8($0 / 1000 % 256) },
        ]
    }

    static func encode(_ raw: [UInt8], _ filter: Filter, _ effort: ChunkEncoder.Effort) throws -> [UInt8]? {
        let encoder = try ChunkEncoder(chunkLength: max(4096, raw.count))
        return unsafe raw.withUnsafeBytes { raw in unsafe encoder.encode(raw, filter: filter, effort: effort).map { unsafe Array($0) } }
    }

    static func decode(_ stored: [UInt8], isVerbatim: Bool = false, _ filter: Filter = Filter(.none, width: 1)!, count: Int) throws -> [UInt8] {
        var raw = [UInt8](repeating: 0xee, count: count)
        try unsafe stored.withUnsafeBytes { stored in
            try unsafe raw.withUnsafeMutableBytes { try unsafe ChunkDecoder.decode(stored, isVerbatim: isVerbatim, filter: filter, into: $0) }
        }
        return raw
    }

    @Test(arguments: FilterTests.all) func decodesWhatItEncodes(filter: Filter) throws {
        var random = SeededRandom()
        for raw in Self.samples(&random) {
            for effort in Self.efforts {
                guard let stream = try Self.encode(raw, filter, effort) else { continue }
                #expect(stream.count < raw.count)
                #expect(try Self.decode(stream, filter, count: raw.count) == raw, "\(filter) \(effort), seed \(random.seed)")
            }
        }
    }

    @Test func isOneStreamWithoutDictionary() throws {
        var random = SeededRandom(seed: 1)
        let raw = Self.samples(&random)[3]
        let stream = try #require(try Self.encode(raw, Filter(.rot1ByteShuffle, width: 4)!, .exhaustive))
        #expect(stream[0] & 15 == 8 && stream[0] >> 4 <= 7 && stream[1] & 0x20 == 0 && (Int(stream[0]) * 256 + Int(stream[1])) % 31 == 0)
    }

    @Test func findsNothingInNoise() throws {
        var random = SeededRandom()
        #expect(try Self.encode(random.bytes(100_000), Filter(.byteShuffle, width: 4)!, .exhaustive) == nil)
    }

    @Test func makesRunsOfZerosVanish() throws {
        for effort in Self.efforts {
            let stream = try #require(try Self.encode([UInt8](repeating: 0, count: 1 << 18), Filter(.rot1ByteShuffle, width: 4)!, effort))
            #expect(stream.count < 1000)
        }
    }

    @Test func givesEachPlaneItsOwnTable() throws {
        // Bytes of a small tensor of floats: only the exponents say little.
        var random = SeededRandom(seed: 5)
        let raw = Array(Self.samples(&random)[3].prefix(24_000))
        let planes = try #require(try Self.encode(raw, Filter(.rot1ByteShuffle, width: 4)!, .exhaustive))
        let plain = try #require(try Self.encode(raw, Filter(.none, width: 4)!, .exhaustive))
        #expect(Double(planes.count) < Double(plain.count) * 0.97)
    }

    @Test func choosesTheSameForTheSameBytes() throws {
        var random = SeededRandom()
        let raw = Self.samples(&random)[3], filter = Filter(.rot1ByteShuffle, width: 4)!
        let encoder = try ChunkEncoder(chunkLength: 1 << 18)
        let fresh = try Self.encode(raw, filter, .quick(matches: true))
        // An encoder that has done other work before.
        for sample in Self.samples(&random) { _ = unsafe sample.withUnsafeBytes { unsafe encoder.encode($0, filter: filter, effort: .exhaustive) } }
        let used = unsafe raw.withUnsafeBytes { unsafe encoder.encode($0, filter: filter, effort: .quick(matches: true)).map { unsafe Array($0) } }
        #expect(fresh == used, "seed \(random.seed)")
    }

    @Test func estimatesEntropyAsTheFormulaSays() {
        var random = SeededRandom()
        let bytes = (0..<5000).map { _ in UInt8(min(Int.random(in: 0...255, using: &random), Int.random(in: 0...255, using: &random))) }
        var counts = [Double](repeating: 0, count: 256)
        for byte in bytes { counts[Int(byte)] += 1 }
        let exact = counts.filter { $0 > 0 }.reduce(0) { $0 - $1 * log2($1 / 5000) }
        let statistics = unsafe bytes.withUnsafeBytes { unsafe PlaneStatistics($0) }
        #expect(abs(Double(statistics.totalBits) - exact) < 2, "seed \(random.seed)")
    }

    // --- what is refused

    static func refusal(_ stored: [UInt8], isVerbatim: Bool = false, count: Int) -> String? {
        do {
            _ = try decode(stored, isVerbatim: isVerbatim, count: count)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// 1,000 bytes as a stream.
    static func stream() throws -> [UInt8] {
        try #require(try encode((0..<1000).map { UInt8($0 % 10) }, Filter(.none, width: 1)!, .exhaustive))
    }

    @Test func refusesStreamsOfAnotherLength() throws {
        let stream = try Self.stream()
        #expect(Self.refusal(stream, count: 1000) == nil)
        #expect(Self.refusal(stream, count: 1001) == "inflates to 1000 bytes where 1001 belong")
        #expect(Self.refusal(stream, count: 999) == "inflates to more than the 999 bytes that belong there")
        #expect(Self.refusal(stream + [0], count: 1000) == "has 1 bytes behind the end of its deflate stream")
        #expect(Self.refusal(Array(stream.dropLast()), count: 1000) == "is cut off after 1000 of 1000 inflated bytes")
        #expect(Self.refusal(Array(stream.prefix(4)), count: 1000) == "is cut off after 1 of 1000 inflated bytes")
        #expect(Self.refusal([1, 2, 3], isVerbatim: true, count: 4) == "holds 3 bytes as they are where 4 belong")
    }

    @Test func refusesStreamsWithAWrongChecksumHeaderOrDictionary() throws {
        var stream = try Self.stream()
        stream[stream.count - 1] ^= 1
        #expect(Self.refusal(stream, count: 1000) == "does not inflate: incorrect data check, after 1000 of 1000 bytes")
        stream[0] = 0x79
        #expect(Self.refusal(stream, count: 1000) == "does not inflate: incorrect header check, after 0 of 1000 bytes")
        // FDICT, and check bits that fit.
        #expect(Self.refusal([0x78, 0xbb] + stream.dropFirst(2), count: 1000) == "asks for a preset dictionary, which the format does not allow")
        #expect(Self.refusal([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], count: 1000) == "does not inflate: incorrect header check, after 0 of 1000 bytes")
    }

    @Test func refusesBeforeInflatingWhatDeflateCannotDo() {
        #expect(Self.refusal([UInt8](repeating: 0, count: 10), count: 10 * 1032 + 65) == "claims to inflate 10 bytes to 10385, more than deflate can")
        #expect(Self.refusal([UInt8](repeating: 0, count: 10), count: 10 * 1032 + 64) != "claims to inflate 10 bytes to 10384, more than deflate can")
    }

    @Test func neverTrapsOnDamagedStreams() throws {
        var random = SeededRandom()
        let stream = try Self.stream()
        for _ in 0..<500 {
            var damaged = stream
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if damaged != stream, let bytes = try? Self.decode(damaged, count: 1000) {
                #expect(bytes == (0..<1000).map { UInt8($0 % 10) }, "seed \(random.seed)")
            }
        }
    }
}
