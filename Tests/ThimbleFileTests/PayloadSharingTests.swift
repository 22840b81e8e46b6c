import TestSupport
import Tensors
import Testing

@testable import ThimbleFile

@Suite struct PayloadSharingTests {
    @Test func storesEqualBytesOnceWhateverTheirNamesAndShapes() throws {
        var random = SeededRandom()
        let small = random.bytes(3000), large = random.bytes(400_000)
        let tensors = [
            Tensor(.uint8, [3000], small), Tensor(name: "other", .uint8, dims: [3000], bytes: TensorBytes(small)), Tensor(.int8, [30, 100], small),
            Tensor(.uint8, [400_000], large), Tensor(.float, [100_000], large), Tensor(.uint8, [400_000], large), Tensor(.int8, [2], [1, 2]),
            Tensor(.int8, [2], [1, 2]),
        ]
        let fixture = try PayloadFixture(tensors)
        #expect(fixture.ids == [0, 0, 1, 2, 3, 2, 4, 4])
        #expect(fixture.storedByteCount == 403_000)
        #expect(fixture.sharedByteCount == 2 * 3000 + 2 * 400_000)
        #expect(fixture.plainByteCount == 9000 + 1_200_000 + 4)
        let reader = try fixture.reader()
        for (tensor, id) in zip(tensors, fixture.ids) { #expect(try reader.tensor(id).plainBytes() == tensor.plainBytes()) }
    }

    @Test func tellsBytesApartThatDifferWhereNobodySampled() throws {
        var random = SeededRandom()
        let base = random.bytes(300_000)
        let tensors = (0..<40).map { number in
            var bytes = base
            if number % 20 > 0 { bytes[10_000 + 977 * (number % 20)] ^= 1 }
            return Tensor(.uint8, [300_000], bytes)
        }
        let fixture = try PayloadFixture(tensors)
        #expect(Set(fixture.ids).count == 20 && fixture.storedByteCount == 20 * 300_000)
        let reader = try fixture.reader()
        for (tensor, id) in zip(tensors, fixture.ids) { #expect(try reader.tensor(id).plainBytes() == tensor.plainBytes()) }
    }

    @Test func storesATransposedMatrixOnce() throws {
        var random = SeededRandom()
        let rows = 50, columns = 300, width = 4
        let bytes = random.bytes(rows * columns * width)
        let matrix = Tensor(.float, [rows, columns], bytes)
        let mirrored = Tensor(.float, [columns, rows], try Tensor(.float, dims: [columns, rows], encoding: .transposed(Transposed(of: matrix))).plainBytes().array())
        var different = try mirrored.plainBytes().array()
        different[different.count / 2 + 6] ^= 1
        let tensors = [matrix, mirrored, Tensor(.int32, [columns, rows], try mirrored.plainBytes().array()), Tensor(.float, [columns, rows], different), mirrored, matrix]
        for options in [ThimbleFile.WriteOptions(), .init(zlib: true)] {
            let fixture = try PayloadFixture(tensors, options: options)
            #expect(fixture.ids == [0, 1, 2, 3, 1, 0])
            #expect(fixture.tables.payloads[1].encoding == .transposed(of: 0) && fixture.tables.payloads[1].data == .inline([]))
            #expect(fixture.tables.payloads[2].encoding == .plain && fixture.tables.payloads[3].encoding == .plain)
            let reader = try fixture.reader()
            for (tensor, id) in zip(tensors, fixture.ids) { #expect(try reader.tensor(id).plainBytes() == tensor.plainBytes(), "seed \(random.seed)") }
            #expect(try fixture.findings() == [])
        }
    }

    @Test func writesAgainWhatWasReadTransposed() throws {
        var random = SeededRandom()
        let matrix = Tensor(.uint8, [80, 70], random.bytes(5600))
        let transposed = Tensor(.uint8, dims: [70, 80], encoding: .transposed(Transposed(of: matrix)))
        let fixture = try PayloadFixture([transposed, matrix, Tensor(.uint8, [70, 80], try transposed.plainBytes().array())])
        #expect(fixture.ids == [1, 0, 1])
        #expect(fixture.tables.payloads.map(\.encoding) == [.plain, .transposed(of: 0)])
    }

    @Test func takesLinearTimeForEqualLooks() throws {
        // Zeros everywhere a sample is taken, matrices and their mirrored dims: few comparisons, all kept apart.
        var tensors: [Tensor] = []
        for number in 0..<300 {
            var bytes = [UInt8](repeating: 0, count: 64 * 80)
            bytes[64 * 70 + number / 4 % 64] = UInt8(1 + number % 4)
            tensors.append(Tensor(.uint8, number % 2 == 0 ? [64, 80] : [80, 64], bytes))
            tensors.append(Tensor(.uint8, [64, 80], [UInt8](repeating: 0, count: 64 * 80)))
        }
        let fixture = try PayloadFixture(tensors)
        let reader = try fixture.reader()
        for (tensor, id) in zip(tensors, fixture.ids) { #expect(try reader.tensor(id).plainBytes() == tensor.plainBytes()) }
    }

    @Test func componentsComeFirst() throws {
        let tensor = Tensor(
            .float, dims: [4],
            encoding: .affine(
                Affine(
                    bits: 8, isSigned: false, block: nil, codes: TensorBytes([1, 2, 3, 4]), scale: Tensor(.float, [], [0, 0, 128, 63]), zeroPoint: Tensor(.uint8, [], [7]))))
        let fixture = try PayloadFixture([tensor, tensor])
        #expect(fixture.ids == [2, 2])
        #expect(fixture.tables.payloads[2].encoding == .affine(bits: 8, isSigned: false, block: nil, scale: 0, zeroPoint: 1))
    }

    @Test func refusesTensorsThatBreakARule() throws {
        #expect(throws: ModelError(.damagedFile, "FLOAT values of dims [2] take 8 bytes, the data has 3")) { try PayloadFixture([Tensor(.float, [2], [1, 2, 3])]) }
        #expect(throws: ModelError(.badArgument, "chunks of 2^30 bytes; the format has 2^12 to 2^24")) { try PayloadFixture([], options: .init(chunkLog2: 30)) }
    }
}
