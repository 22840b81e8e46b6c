import TestSupport
import Tensors
import Testing

@testable import ThimbleFile

@Suite struct PayloadRoundTripTests {
    static let options: [ThimbleFile.WriteOptions] = [
        .init(), .init(zlib: true), .init(zlib: true, chunkLog2: 12, threads: 3), .init(zlib: true, chunkLog2: 24, threads: 1),
    ]

    /// Little-endian floats that compress as weights do.
    static func weights(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        (0..<count).flatMap { _ -> [UInt8] in
            let value = Float.random(in: -0.1...0.1, using: &random)
            return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
    }

    /// Every type at sizes on both sides of each border of the writer.
    static func plainTensors(_ random: inout SeededRandom) -> [Tensor] {
        var tensors: [Tensor] = []
        for type in ElementType.allKnown where type != .string {
            for bytes in [0, 1, 16, 63, 64, 65, 1000, 1024, 5000] {
                let count = bytes * 8 / type.bitWidth!
                tensors.append(Tensor(type, [count], random.bytes(type.byteCount(elements: count)!)))
            }
            tensors.append(Tensor(type, [], random.bytes(type.byteCount(elements: 1)!)))
        }
        for count in [16_383, 16_384, 16_385, 40_000, 300_000] { tensors.append(Tensor(.float, [count], weights(count, &random))) }
        tensors.append(Tensor(.int8, [400, 400], (0..<160_000).map { _ in UInt8.random(in: 0...15, using: &random) }))
        tensors.append(Tensor(.uint8, [200_000], random.bytes(200_000)))
        tensors.append(Tensor(.undefined, [0], []))
        return tensors
    }

    static func codes(_ bits: Int, _ count: Int, _ random: inout SeededRandom) -> TensorBytes {
        TensorBytes(CodeStream.pack((0..<count).map { _ in Int32.random(in: 0...Int32(1 << bits - 1), using: &random) / 2 }, bits: bits))
    }

    static func encodedTensors(_ random: inout SeededRandom) -> [Tensor] {
        var tensors: [Tensor] = [Tensor(.string, dims: [3], encoding: .strings(StringList([Array("a".utf8), [], random.bytes(3000)])))]
        for bits in 2...16 {
            for rows in [3, 300] {
                let scale = Tensor(.float, [rows, 1], weights(rows, &random))
                let zero = Tensor(bits <= 8 ? .uint8 : .uint16, [rows, 1], random.bytes(bits <= 8 ? rows : 2 * rows))
                tensors.append(
                    Tensor(
                        .float16, dims: [rows, 301],
                        encoding: .affine(Affine(bits: bits, isSigned: false, block: [1, 0], codes: codes(bits, rows * 301, &random), scale: scale, zeroPoint: zero))))
            }
        }
        for bits in 1...8 {
            let table = Tensor(.float, [1 << bits, 2], weights(2 << bits, &random))
            tensors.append(
                Tensor(.float, dims: [50, 60], encoding: .palette(Palette(bits: bits, block: nil, vector: 2, indices: codes(bits, 1500, &random), table: table))))
        }
        let dense = (0..<20_000).map { _ in UInt8.random(in: 0...9, using: &random) == 0 ? UInt8.random(in: 1...255, using: &random) : 0 }
        let gaps = Gaps.encode(dense, width: 1), mask = Bitmask.encode(dense, width: 1)
        tensors.append(Tensor(.int8, dims: [20_000], encoding: .gaps(Gaps(gaps: TensorBytes(gaps.gaps), values: Tensor(.int8, [gaps.values.count], gaps.values)))))
        tensors.append(
            Tensor(.uint8, dims: [200, 100], encoding: .bitmask(Bitmask(mask: TensorBytes(mask.mask), values: Tensor(.uint8, [mask.values.count], mask.values), hint: (2, 4, 1)))))
        return tensors
    }

    @Test(arguments: options.indices) func givesBackEveryTensor(option: Int) throws {
        var random = SeededRandom()
        let tensors = Self.plainTensors(&random) + Self.encodedTensors(&random)
        let fixture = try PayloadFixture(tensors, options: Self.options[option])
        let reader = try fixture.reader()
        for (tensor, id) in zip(tensors, fixture.ids) {
            let got = try reader.tensor(id)
            #expect(got == tensor, "\(tensor.elementType) \(tensor.dims), seed \(random.seed)")
            if tensor.elementType != .string { #expect(try got.plainBytes().array() == tensor.plainBytes().array(), "seed \(random.seed)") }
        }
        #expect(try fixture.findings() == [], "seed \(random.seed)")
    }

    @Test func writesTheSameWithAnyNumberOfThreads() throws {
        var random = SeededRandom()
        let tensors = Self.plainTensors(&random) + Self.encodedTensors(&random)
        for zlib in [false, true] {
            let one = try PayloadFixture(tensors, options: .init(zlib: zlib, threads: 1))
            let four = try PayloadFixture(tensors, options: .init(zlib: zlib, threads: 4))
            #expect(one.tables == four.tables && one.bytes == four.bytes, "seed \(random.seed)")
        }
    }

    @Test func keepsTheRulesOfAlignment() throws {
        var random = SeededRandom()
        let tensors = Self.plainTensors(&random) + Self.encodedTensors(&random)
        for options in Self.options {
            let fixture = try PayloadFixture(tensors, options: options)
            for segment in fixture.tables.segments where segment.codec == 0 {
                #expect(segment.offset % (segment.rawSize >= 1 << 20 ? 16384 : 64) == 0)
            }
            for payload in fixture.tables.payloads {
                guard case .blob(let segment, let offset, let size) = payload.data else { continue }
                #expect(offset % (size >= 1024 ? 64 : 8) == 0 && size > 64)
                #expect(size >= 1 << 16 ? offset == 0 && fixture.tables.segments[segment].rawSize == size : fixture.tables.segments[segment].rawSize <= 4 << 20)
            }
        }
    }

    @Test func closesPacksAtFourMebibytes() throws {
        var random = SeededRandom()
        let tensors = (0..<140).map { _ in Tensor(.uint8, [60_000], random.bytes(60_000)) }
        let fixture = try PayloadFixture(tensors)
        #expect(fixture.tables.segments.count == 3)
        #expect(fixture.tables.segments.allSatisfy { $0.rawSize <= 4 << 20 })
        #expect(try fixture.findings() == [])
    }

    @Test func compressesWeightsAndLeavesNoiseMapped() throws {
        var random = SeededRandom()
        let fixture = try PayloadFixture(
            [Tensor(.float, [100_000], Self.weights(100_000, &random)), Tensor(.uint8, [100_000], random.bytes(100_000))], options: .init(zlib: true))
        #expect(fixture.tables.segments.map(\.codec) == [1, 0])
        #expect(fixture.tables.segments[0].storedSize < 360_000, "seed \(random.seed)")
        let reader = try fixture.reader()
        #expect(try reader.tensor(1).plainBytes().isInPlace)
    }

    @Test func decidesTheSameBeyondWhatIsTriedThoroughly() throws {
        // The first 2 MiB are tried with everything; what follows is judged by samples.
        var random = SeededRandom()
        var tensors = [Tensor(.float, [600_000], Self.weights(600_000, &random))]
        tensors.append(Tensor(.float, [200_000], Self.weights(200_000, &random)))
        tensors.append(Tensor(.uint8, [300_000], random.bytes(300_000)))
        tensors.append(Tensor(.int64, [50_000], (0..<50_000).flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: (value / 3) >> (8 * $0)) } }))
        tensors.append(
            Tensor(
                .float, dims: [300_000],
                encoding: .affine(
                    Affine(bits: 6, isSigned: true, block: nil, codes: Self.codes(6, 300_000, &random), scale: Tensor(.float, [], [0, 0, 128, 63]), zeroPoint: nil))))
        let fixture = try PayloadFixture(tensors, options: .init(zlib: true, threads: 2))
        #expect(fixture.tables.segments.map(\.codec) == [1, 1, 0, 1, 1], "seed \(random.seed)")
        #expect(fixture.tables.segments[4].filter == 3 && fixture.tables.segments[4].width == 6)
        #expect(fixture.tables.segments[3].storedSize < 40_000)
        let reader = try fixture.reader()
        for (tensor, id) in zip(tensors, fixture.ids) { #expect(try reader.tensor(id) == tensor, "seed \(random.seed)") }
        #expect(try fixture.findings() == [])
    }
}
