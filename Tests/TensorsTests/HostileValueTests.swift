import TestSupport
import Testing
@testable import Tensors

/// Values that lie about themselves, or change while they are read.
struct HostileValueTests {
    /// 6-bit elements: four in three bytes, wherever a read begins.
    @Test(arguments: [ElementType.float6e2m3, .uint4, .int2])
    func packsDecodedElementsAtAnyByte(type: ElementType) throws {
        var random = SeededRandom()
        let bits = try #require(type.bitWidth), count = 1003
        let elements = random.bytes(count).map { Int32($0) & (1 << bits - 1) }
        let dense = CodeStream.pack(elements, bits: bits)
        let table = Tensor(type, dims: [1 << bits, 1], bytes: TensorBytes(CodeStream.pack((0..<1 << bits).map { Int32($0) }, bits: bits)))
        let palette = Palette(bits: bits, block: nil, vector: 1, indices: TensorBytes(dense), table: table)
        let decoded = try Tensor(type, dims: [count], encoding: .palette(palette)).plainBytes()
        #expect(try decoded.array() == dense, "seed \(random.seed)")
        for _ in 0..<50 {
            let from = Int.random(in: 0..<dense.count, using: &random), to = Int.random(in: from...dense.count, using: &random)
            #expect(try decoded.slice(from..<to).array() == Array(dense[from..<to]), "seed \(random.seed)")
        }
    }

    /// Positions were counted when the mask was first read; a mapped one can have more bits set by now.
    @Test func valuesBehindTheEndAreAnErrorAndNotATrap() throws {
        for bits in [8, 32] {
            let values = PlainElements(TensorBytes([UInt8](repeating: 0, count: 8)), bits: bits)
            let memory = try OwnedMemory(byteCount: 64)
            let error = #expect(throws: ModelError.self) {
                try values.decode(0..<9, into: UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<(9 * bits / 8)]))
            }
            #expect(error?.code == .io)
        }
    }

    @Test func endsOfStringsOfAnotherTypeAreRefused() throws {
        let list = StringList(joined: TensorBytes([1, 2, 3]), ends: Tensor(.uint8, dims: [3], bytes: TensorBytes([1, 2, 3])))
        #expect(throws: ModelError.self) { try list.strings() }
    }

    /// Where the stored matrix must be inflated for each band, there are few bands.
    @Test func aTransposeReadsWhatIsStoredAFewTimesOnly() throws {
        final class Counting: ByteSource, @unchecked Sendable {
            let count: Int
            var delivered = 0
            init(_ count: Int) { self.count = count }
            func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
                delivered += target.count
                target.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
        let rows = 4096, columns = 16_384, source = Counting(rows * columns)
        let stored = Tensor(.uint8, dims: [columns, rows], bytes: TensorBytes(source, 0..<source.count))
        let mirrored = try Tensor(.uint8, dims: [rows, columns], encoding: .transposed(Transposed(of: stored))).plainBytes()
        try mirrored.forEachPiece { _ in }
        #expect(source.delivered <= 9 * source.count)
    }

    /// A temporary name must fit as well as the name that it stands for.
    @Test func replacesAFileWithALongName() throws {
        let work = try TemporaryFolder()
        let path = work(String(repeating: "名", count: 80) + ".bin")
        for content in [[1], [2, 3]] as [[UInt8]] {
            let output = try OutputFile(path, replacing: true)
            try output.append(content)
            try output.commit()
            #expect(try bytes(of: path) == content)
        }
        #expect(work.contents.count == 1)
    }
}
