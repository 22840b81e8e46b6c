import TestSupport
import Tensors
import Testing

@testable import ThimbleFile

@Suite struct PayloadRefusalTests {
    /// A compressed segment of weights in 13 chunks, a plain one of noise, a pack.
    static func fixture() throws -> PayloadFixture { try made.get() }

    private static let made = Result {
        var random = SeededRandom(seed: 11)
        return try PayloadFixture(
            [
                Tensor(.float, [50_000], PayloadRoundTripTests.weights(50_000, &random)), Tensor(.uint8, [100_000], random.bytes(100_000)),
                Tensor(.uint8, [2000], random.bytes(2000)), Tensor(.int8, [3], [1, 2, 3]),
            ], options: .init(zlib: true, chunkLog2: 14))
    }

    static func refusal(_ change: (inout PayloadFixture) -> Void) throws -> String? {
        var fixture = try fixture()
        change(&fixture)
        return fixture.refusal()
    }

    @Test func acceptsWhatItWrote() throws {
        let fixture = try Self.fixture()
        #expect(fixture.tables.segments.map(\.codec) == [1, 0, 0] && fixture.tables.chunks.count == 13)
        #expect(try fixture.refusal() == nil && fixture.findings() == [])
    }

    @Test func refusesSegmentsOutOfPlace() throws {
        #expect(try Self.refusal { $0.tables.segments[1].offset -= 64 * 1000 }?.hasPrefix("segment 1: begins at byte ") == true)
        #expect(try Self.refusal { $0.tables.segments[0].offset = 0 } == "segment 0: begins at byte 0, before the end of what lies before it at 64")
        #expect(try Self.refusal { $0.tables.segments[2].rawSize = 2001 } == "segment 2: is plain, but takes 2000 bytes for 2001")
        #expect(try Self.refusal { $0.tables.segments[2].storedSize = .max; $0.tables.segments[2].rawSize = .max }?.hasPrefix("segment 2: needs 9223372036854775807 bytes from byte ") == true)
        #expect(try Self.refusal { $0.tables.segments[1].offset += 8; $0.tables.segments[1].rawSize -= 8; $0.tables.segments[1].storedSize -= 8 }?.hasSuffix("which is not a multiple of 64") == true)
        #expect(try Self.refusal { $0.tables.segments.swapAt(1, 2) }?.contains("unused bytes lie before byte") == true)
        #expect(try Self.refusal { $0.tables.segments[1].storedSize -= 1 } == "segment 1: is plain, but takes 99999 bytes for 100000")
        #expect(try Self.refusal { $0.tables.segments[1].filter = 1 } == "segment 1: is plain, but has 0 chunks, filter 1 and chunk size 2^0; all three must be 0")
        #expect(try Self.refusal { $0.metadata = 64..<128 } == "segment 0: begins at byte 64, before the end of what lies before it at 128")
    }

    @Test func refusesLargeGaps() throws {
        #expect(try Self.refusal { fixture in
            fixture.bytes.insert(contentsOf: [UInt8](repeating: 0, count: 65_536), at: fixture.metadata.lowerBound)
            fixture.metadata = fixture.metadata.lowerBound + 65_536..<fixture.metadata.upperBound + 65_536
        }?.contains("unused bytes lie before byte") == true)
        #expect(try Self.refusal { $0.bytes += [UInt8](repeating: 0, count: 70_000) }?.contains("70000 unused bytes") == true)
    }

    @Test func refusesChunksThatDoNotTile() throws {
        #expect(try Self.refusal { $0.tables.segments[0].firstChunk = 1 } == "segment 0: uses 13 chunks from 1 on; chunk 0 is the next and the table has 13")
        #expect(try Self.refusal { $0.tables.segments[0].chunkCount = 12 } == "segment 0: has 12 chunks, its 200000 bytes make 13")
        #expect(try Self.refusal { $0.tables.segments[0].chunkCount = .max } == "segment 0: uses 9223372036854775807 chunks from 0 on; chunk 0 is the next and the table has 13")
        #expect(try Self.refusal { $0.tables.segments[0].chunkLog2 = 11 } == "segment 0: has chunks of 2^11 bytes; the format has 2^12 to 2^24")
        #expect(try Self.refusal { $0.tables.segments[0].chunkLog2 = 25 } == "segment 0: has chunks of 2^25 bytes; the format has 2^12 to 2^24")
        #expect(try Self.refusal { $0.tables.segments[0].width = 0 } == "segment 0: has a width of 0, it must be 1 to 8")
        #expect(try Self.refusal { $0.tables.segments[0].width = 3 } == "segment 0: filter ROT1_BYTE_SHUFFLE does not work on a width of 3")
        #expect(try Self.refusal { $0.tables.chunks.append(ChunkRecord(storedSize: 1, isVerbatim: true, crc32: 0)) } == "the segments use 13 chunks, the table has 14")
        #expect(try Self.refusal { $0.tables.chunks[3].isVerbatim = true }?.hasPrefix("segment 0: chunk 3: holds ") == true)
        #expect(try Self.refusal { $0.tables.chunks[3].storedSize = 15 } == "segment 0: chunk 3: claims to inflate 15 bytes to 16384, more than deflate can")
        #expect(try Self.refusal { $0.tables.chunks[3].storedSize += 1 }?.hasPrefix("segment 0: takes ") == true)
    }

    @Test func refusesPayloadsOutOfBounds() throws {
        func payload(_ change: (inout PayloadRecord) -> Void) throws -> String? { try Self.refusal { change(&$0.tables.payloads[2]) } }
        #expect(try payload { $0.data = .blob(segment: 3, offset: 0, size: 8) } == "payload 2: lies in segment 3, the file has 3")
        #expect(try payload { $0.data = .blob(segment: 2, offset: 8, size: 2000) } == "payload 2: needs 2000 bytes from byte 8 of segment 2 on, which has 2000")
        #expect(try payload { $0.data = .blob(segment: 2, offset: .max, size: .max) }?.hasSuffix("of segment 2 on, which has 2000") == true)
        #expect(try payload { $0.data = .blob(segment: 2, offset: 12, size: 100) } == "payload 2: begins at byte 12 of segment 2, which is not a multiple of 8")
        #expect(try payload { $0.data = .blob(segment: 2, offset: 8, size: 1024) } == "payload 2: begins at byte 8 of segment 2, which is not a multiple of 64")
        #expect(try payload { $0.data = .inline([UInt8](repeating: 0, count: 1025)) } == "payload 2: has 1025 bytes in the metadata, the limit is 1,024")
        #expect(try payload { $0.dims = [-1] } == "payload 2: has dims [-1]; each must be 0 to 2^48 and so must their product")
        #expect(try payload { $0.dims = [Int](repeating: 1, count: 65) } == "payload 2: has rank 65, the limit is 64")
        #expect(try payload { $0.encoding = .gaps(values: 2) } == "payload 2: refers to payload 2; a payload may refer only to lower ids than its own 2")
        #expect(try payload { $0.encoding = .affine(bits: 4, isSigned: true, block: nil, scale: 0, zeroPoint: -1) }?.hasPrefix("payload 2: refers to payload -1;") == true)
    }

    @Test func refusesBlobsThatCutCodes() throws {
        var random = SeededRandom(seed: 3)
        let codes = PayloadRoundTripTests.codes(6, 4000, &random)
        let tensor = Tensor(
            .float, dims: [4000], encoding: .affine(Affine(bits: 6, isSigned: false, block: nil, codes: codes, scale: Tensor(.float, [], [0, 0, 128, 63]), zeroPoint: nil)))
        var fixture = try PayloadFixture([tensor], options: .init(zlib: true))
        try #require(fixture.tables.segments[0].filter == 3)
        fixture.tables.payloads[1].data = .blob(segment: 0, offset: 8, size: 2992)
        #expect(fixture.refusal() == "payload 1: begins at byte 8 of segment 0, whose 6-bit codes ask for a multiple of 6")
    }

    // --- refused when asked for

    static func askingFails(_ id: Int = 2, maxDecoded: Int = 1 << 30, _ change: (inout PayloadFixture) -> Void) throws -> ModelError? {
        var fixture = try fixture()
        change(&fixture)
        let reader = try fixture.reader(maxDecoded: maxDecoded)
        #expect(throws: Never.self) { try reader.tensor(3) }
        return #expect(throws: ModelError.self) { try reader.tensor(id) }
    }

    @Test func namesWhatItDoesNotKnowWhenItIsAskedFor() throws {
        #expect(try Self.askingFails { $0.tables.payloads[2].elementType = ElementType(rawValue: 77) } == ModelError(.unsupported, "has data type 77, which this version does not know", at: ["payload 2"]))
        #expect(try Self.askingFails { $0.tables.payloads[2].encoding = .unknown(9) } == ModelError(.unsupported, "uses encoding 9, which this version does not know", at: ["payload 2"]))
        #expect(try Self.askingFails { $0.tables.segments[2].codec = 5 } == ModelError(.unsupported, "uses codec 5; this version knows codecs 0 and 1", at: ["payload 2", "segment 2"]))
        #expect(try Self.askingFails(0) { $0.tables.segments[0].filter = 4 } == ModelError(.unsupported, "uses filter 4; this version knows filters 0 to 3", at: ["payload 0", "segment 0"]))
        #expect(try Self.askingFails(9) { _ in } == ModelError(.damagedFile, "payload 9 is asked for, the file has 4"))
    }

    @Test func refusesSizesAndComponentsThatDoNotFit() throws {
        #expect(try Self.askingFails { $0.tables.payloads[2].dims = [1999] } == ModelError(.damagedFile, "UINT8 values of dims [1999] take 1999 bytes, the data has 2000", at: ["payload 2"]))
        #expect(try Self.askingFails { $0.tables.payloads[2].encoding = .transposed(of: 1) } == ModelError(.damagedFile, "is a transpose, but has 2000 bytes of its own", at: ["payload 2"]))
        #expect(
            try Self.askingFails { fixture in
                fixture.tables.payloads[1].encoding = .stringList(ends: 0)
                fixture.tables.payloads[2].encoding = .gaps(values: 1)
            } == ModelError(.damagedFile, "has payload 1 as a component, whose encoding cannot be one here", at: ["payload 2"]))
    }

    @Test func keepsToTheBudgetOfDecodedBytes() throws {
        let error = try Self.askingFails(0, maxDecoded: 199_999) { _ in }
        #expect(error == ModelError(.limit, "decodes to 200 kB beside 0 B of other payloads; the limit is 200 kB (--max-decoded)", at: ["payload 0"]))
        var fixture = try Self.fixture()
        // A few bytes that claim to be 2^40 zeros.
        fixture.tables.payloads.append(PayloadRecord(elementType: .int8, dims: [0], data: .inline([]), encoding: .plain))
        fixture.tables.payloads.append(PayloadRecord(elementType: .int8, dims: [1 << 40], data: .inline([]), encoding: .gaps(values: 4)))
        let reader = try fixture.reader()
        #expect(#expect(throws: ModelError.self) { try reader.tensor(5) }?.code == .limit)
        #expect(try fixture.findings().count == 1)
    }

    // --- verify

    @Test func verifyFindsEveryChangedByte() throws {
        let fixture = try Self.fixture()
        var random = SeededRandom()
        for _ in 0..<150 {
            let at = Int.random(in: 64..<fixture.metadata.lowerBound, using: &random)
            var damaged = fixture
            damaged.bytes[at] ^= UInt8.random(in: 1...255, using: &random)
            #expect(try damaged.findings() != [], "byte \(at), seed \(random.seed)")
        }
    }

    @Test func verifyNamesWhatIsDamaged() throws {
        var fixture = try Self.fixture()
        let plain = fixture.tables.segments[1], chunked = fixture.tables.segments[0]
        fixture.bytes[plain.offset + 5] ^= 1
        var findings = try fixture.findings()
        #expect(findings.count == 1 && findings[0].hasPrefix("segment 1 (payload 1): has CRC-32 ") && findings[0].hasSuffix(" where \(hex(plain.crc32)) belongs"))
        fixture = try Self.fixture()
        fixture.bytes[chunked.offset] ^= 1
        findings = try fixture.findings()
        #expect(findings.count == 2 && findings[0].hasPrefix("segment 0 (payload 0): chunk 0: has CRC-32 "))
        fixture = try Self.fixture()
        let gap = chunked.offset + chunked.storedSize
        try #require(gap < plain.offset)
        fixture.bytes[gap] = 9
        #expect(try fixture.findings() == ["byte \(gap) between the parts of the file is 9, it must be 0"])
    }

    @Test func verifyFindsStreamsThatDoNotInflateThoughTheirChecksumsFit() throws {
        var fixture = try Self.fixture()
        let segment = fixture.tables.segments[0], size = fixture.tables.chunks[0].storedSize
        fixture.bytes[segment.offset + size - 1] ^= 1
        fixture.tables.chunks[0].crc32 = Checksum.crc32(Array(fixture.bytes[segment.offset..<segment.offset + size]))
        fixture.tables.segments[0].crc32 = Checksum.crc32(Array(fixture.bytes[segment.offset..<segment.offset + segment.storedSize]))
        #expect(try fixture.findings() == ["segment 0 (payload 0): chunk 0: does not inflate: incorrect data check, after 16384 of 16384 bytes"])
    }

    @Test func neverTrapsOnChangedTables() throws {
        let fixture = try Self.fixture()
        var random = SeededRandom()
        let nasty = [0, 1, -1, 7, 8, 63, 1 << 31, 1 << 32, 1 << 48, .max, .min, .max - 1]
        for _ in 0..<400 {
            var changed = fixture
            let value = nasty.randomElement(using: &random)!, segment = Int.random(in: 0..<3, using: &random), payload = Int.random(in: 0..<4, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: changed.tables.segments[segment].offset = value
            case 1: changed.tables.segments[segment].rawSize = value
            case 2: changed.tables.segments[segment].storedSize = value
            case 3: changed.tables.segments[segment].firstChunk = value
            case 4: changed.tables.segments[segment].chunkCount = value
            case 5: changed.tables.segments[segment].codec = UInt8(truncatingIfNeeded: value)
            case 6: changed.tables.segments[segment].filter = UInt8(truncatingIfNeeded: value)
            case 7: changed.tables.segments[segment].width = UInt8(truncatingIfNeeded: value)
            case 8: changed.tables.chunks[segment].storedSize = value
            case 9: changed.tables.payloads[payload].dims = [value, 3]
            case 10: changed.tables.payloads[payload].data = .blob(segment: segment, offset: value, size: nasty.randomElement(using: &random)!)
            default: changed.tables.payloads[payload].encoding = .palette(bits: value, block: [value], table: payload - 1, vector: value)
            }
            guard let reader = try? changed.reader() else { continue }
            for id in 0..<4 { _ = try? reader.tensor(id).plainBytes().array() }
            _ = reader.verify { "\($0)" }
        }
    }
}
