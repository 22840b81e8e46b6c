import TestSupport
import Testing

@testable import Tensors

@Suite struct EncodingTests {
    static func floats(_ values: [Float], _ type: ElementType = .float) -> TensorBytes {
        var bytes = [UInt8](repeating: 0, count: values.count * type.storageWidth)
        unsafe values.withUnsafeBufferPointer { values in unsafe bytes.withUnsafeMutableBytes { unsafe FloatConversion.fromFloat(values, type, into: $0) } }
        return TensorBytes(bytes)
    }

    static func values(_ tensor: Tensor) throws -> [Float] {
        let bytes = try tensor.plainBytes().array()
        var values = [Float](repeating: 0, count: bytes.count / tensor.elementType.storageWidth)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe values.withUnsafeMutableBufferPointer { unsafe FloatConversion.toFloat(bytes, tensor.elementType, into: $0) }
        }
        return values
    }

    static func refusal(_ tensor: Tensor) -> String? {
        do {
            _ = try tensor.plainBytes()
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Reads the decoded bytes in odd pieces too.
    static func checkPieces(_ bytes: TensorBytes, _ random: inout SeededRandom) throws {
        let whole = try bytes.array()
        for _ in 0..<20 {
            let start = Int.random(in: 0...whole.count, using: &random), end = Int.random(in: start...whole.count, using: &random)
            #expect(try bytes.slice(start..<end).array() == Array(whole[start..<end]), "\(start)..<\(end), seed \(random.seed)")
        }
    }

    // --- affine

    static func affine(
        dims: [Int] = [2, 8], type: ElementType = .float, bits: Int = 4, block: [Int]? = [1, 4], codes: [UInt8] = [0xf0, 0x98, 0x21, 0x43, 0x67, 0x85, 0x10, 0xf2],
        scale: Tensor? = nil, zero: Tensor? = nil
    ) -> Tensor {
        Tensor(
            type, dims: dims,
            encoding: .affine(
                Affine(
                    bits: bits, isSigned: false, block: block, codes: TensorBytes(codes),
                    scale: scale ?? Tensor(.float, dims: [2, 2], bytes: floats([0.5, 0.25, 1, 2])),
                    zeroPoint: zero ?? Tensor(.uint8, dims: [2, 2], bytes: TensorBytes([8, 8, 7, 0])))))
    }

    @Test func decodesTheAffineVectorOfTheFormat() throws {
        #expect(try Self.values(Self.affine()) == [-4, 3.5, 0, 0.5, -1.75, -1.5, -1.25, -1, 0, -1, -2, 1, 0, 2, 4, 30])
    }

    @Test func scaleMayBeAPalette() throws {
        let indices = TensorBytes(CodeStream.pack([1, 0, 2, 3], bits: 8))
        let table = Tensor(.float, dims: [256, 1], bytes: Self.floats([0.25, 0.5, 1, 2] + [Float](repeating: 0, count: 252)))
        let scale = Tensor(.float, dims: [2, 2], encoding: .palette(Palette(bits: 8, block: nil, vector: 1, indices: indices, table: table)))
        #expect(try Self.values(Self.affine(scale: scale)) == (try Self.values(Self.affine())))
    }

    @Test func refusesAffineTensorsThatBreakARule() {
        #expect(Self.refusal(Self.affine(bits: 17)) == "affine codes have 17 bits, they must have 2 to 16")
        #expect(Self.refusal(Self.affine(type: .int32)) == "affine values are INT32, they must be FLOAT, FLOAT16, BFLOAT16 or DOUBLE")
        #expect(Self.refusal(Self.affine(codes: [1])) == "16 affine codes of 4 bits take 8 bytes, the data has 1")
        #expect(Self.refusal(Self.affine(block: [1])) == "the grid has 1 axes, the tensor 2")
        #expect(Self.refusal(Self.affine(block: [1, 8])) == "scale: has dims [2, 2], the grid [2, 1]")
        let integers = Tensor(.int32, dims: [2, 2], bytes: TensorBytes([UInt8](repeating: 0, count: 16)))
        #expect(Self.refusal(Self.affine(scale: integers)) == "scale: is INT32, it must be FLOAT, FLOAT16, BFLOAT16 or FLOAT8E8M0")
        #expect(Self.refusal(Self.affine(zero: integers)) == "zero point: is INT32, it must be UINT8, INT8 or the scale's FLOAT")
        #expect(Self.refusal(Self.affine(scale: Self.affine(dims: [2, 2], block: nil))) == "scale: is Affine, it must be plain or a Palette")
        let huge = Self.affine(dims: [1 << 47, 1], bits: 16, block: nil, codes: [])
        #expect(Self.refusal(huge) == "140737488355328 affine codes of 16 bits take 281474976710656 bytes, the data has 0")
    }

    @Test func quantizesToTheNearestCode() throws {
        var random = SeededRandom()
        let values = (0..<200).map { _ in Float.random(in: -1...1, using: &random) }
        let scale: [Float] = [0.01, 0.02], zero: [Float] = [3, -5]
        let codes = try Affine.codes(for: values, dims: [2, 100], bits: 8, isSigned: true, block: [1, 0], scale: scale, zeroPoint: zero)
        let tensor = Tensor(
            .float, dims: [2, 100],
            encoding: .affine(
                Affine(
                    bits: 8, isSigned: true, block: [1, 0], codes: TensorBytes(CodeStream.pack(codes, bits: 8)),
                    scale: Tensor(.float, dims: [2, 1], bytes: Self.floats(scale)), zeroPoint: Tensor(.int8, dims: [2, 1], bytes: TensorBytes([3, 251])))))
        for (index, (value, decoded)) in zip(values, try Self.values(tensor)).enumerated() {
            #expect(abs(value - decoded) <= scale[index / 100] * 0.5001, "\(value) became \(decoded), seed \(random.seed)")
        }
        #expect(try Affine.codes(for: [0.5, 1.5, 2.5, .nan, 1e9, -1e9], dims: [6], bits: 4, isSigned: true, block: nil, scale: [1], zeroPoint: [0]) == [0, 2, 2, -8, 7, -8])
        try Self.checkPieces(tensor.plainBytes(), &random)
    }

    // --- palette

    @Test(arguments: [ElementType.float, .float16, .int8, .int64, .complex128, .uint4, .int2]) func looksUpPalettes(type: ElementType) throws {
        var random = SeededRandom()
        for vector in [1, 2, 3] {
            let dims = [5, 4 * vector], bits = 3, block = [2, 2 * vector], cells = 3 * 2
            let indices = (0..<20).map { _ in Int32.random(in: 0...7, using: &random) }
            let table = Tensor(type, dims: [3, 2, 8, vector], bytes: TensorBytes(random.bytes(type.byteCount(elements: cells * 8 * vector)!)))
            let tensor = Tensor(
                type, dims: dims,
                encoding: .palette(Palette(bits: bits, block: block, vector: vector, indices: Palette.encode(indices, bits: bits), table: table)))
            // The definition, in units of bits.
            let width = type.bitWidth!, tableBits = Self.bits(try table.plainBytes().array())
            var expected: [UInt8] = []
            for element in 0..<20 * vector {
                let row = element / dims[1], column = element % dims[1]
                let cell = row / block[0] * 2 + column / block[1]
                let entry = (cell * 8 + Int(indices[element / vector])) * vector + element % vector
                expected += tableBits[entry * width..<(entry + 1) * width]
            }
            let bytes = try tensor.plainBytes()
            let got = Self.bits(try bytes.array())
            #expect(Array(got.prefix(expected.count)) == expected && got.dropFirst(expected.count).allSatisfy { $0 == 0 }, "vector \(vector), seed \(random.seed)")
            try Self.checkPieces(bytes, &random)
        }
    }

    static func bits(_ bytes: [UInt8]) -> [UInt8] { bytes.flatMap { byte in (0..<8).map { byte >> UInt8($0) & 1 } } }

    @Test func refusesPalettesThatBreakARule() {
        func palette(_ bits: Int = 2, vector: Int = 2, block: [Int]? = nil, type: ElementType = .float, table: [Int] = [4, 2]) -> String? {
            let bytes = TensorBytes([UInt8](repeating: 0, count: 4 * (elementCount(of: table) ?? 0)))
            return Self.refusal(
                Tensor(
                    type, dims: [2, 4],
                    encoding: .palette(Palette(bits: bits, block: block, vector: vector, indices: TensorBytes([0]), table: Tensor(.float, dims: table, bytes: bytes)))))
        }
        #expect(palette() == nil)
        #expect(palette(9) == "palette indices have 9 bits, they must have 1 to 8")
        #expect(palette(vector: 0) == "a palette entry has 0 values, it must have 1 to 65,535")
        #expect(palette(vector: 3) == "entries of 3 values do not divide the last axis of dims [2, 4]")
        #expect(palette(block: [0, 3]) == "entries of 2 values do not divide the block of 3 on the last axis")
        #expect(palette(table: [4, 1]) == "table: has dims [4, 1], it must have [4, 2]")
        #expect(palette(type: .int32) == "table: is FLOAT, the tensor is INT32")
        #expect(palette(type: .string) == "palette values are STRING, which has no fixed size")
        #expect(palette(vector: 1) == "8 palette indices of 2 bits take 2 bytes, the data has 1")
    }

    // --- sparse

    static func sparse(_ random: inout SeededRandom, count: Int, width: Int, zeros: Double) -> [UInt8] {
        (0..<count).flatMap { _ -> [UInt8] in
            Double.random(in: 0..<1, using: &random) < zeros ? [UInt8](repeating: 0, count: width) : (0..<width).map { _ in UInt8.random(in: 1...255, using: &random) }
        }
    }

    static func gaps(_ dense: [UInt8], _ type: ElementType, dims: [Int]) -> Tensor {
        let encoded = Gaps.encode(dense, width: type.storageWidth), count = encoded.values.count / type.storageWidth
        return Tensor(type, dims: dims, encoding: .gaps(Gaps(gaps: TensorBytes(encoded.gaps), values: Tensor(type, dims: [count], bytes: TensorBytes(encoded.values)))))
    }

    static func bitmask(_ dense: [UInt8], _ type: ElementType, dims: [Int]) -> Tensor {
        let encoded = Bitmask.encode(dense, width: type.storageWidth), count = encoded.values.count / type.storageWidth
        return Tensor(type, dims: dims, encoding: .bitmask(Bitmask(mask: TensorBytes(encoded.mask), values: Tensor(type, dims: [count], bytes: TensorBytes(encoded.values)))))
    }

    @Test(arguments: [0.0, 0.5, 0.97, 0.9995, 1.0]) func sparseEncodingsGiveBackTheDenseValues(zeros: Double) throws {
        var random = SeededRandom()
        for (type, count) in [(ElementType.float, 40_003), (.int8, 33_000), (.float16, 1), (.double, 0)] {
            let dense = Self.sparse(&random, count: count, width: type.storageWidth, zeros: zeros)
            for tensor in [Self.gaps(dense, type, dims: [count]), Self.bitmask(dense, type, dims: [count])] {
                let bytes = try tensor.plainBytes()
                #expect(try bytes.array() == dense, "\(type) \(count) \(zeros), seed \(random.seed)")
                try Self.checkPieces(bytes, &random)
            }
        }
    }

    @Test func sparseValuesMayBeQuantized() throws {
        let values = Self.affine()
        let tensor = Tensor(.float, dims: [4, 6], encoding: .gaps(Gaps(gaps: TensorBytes([UInt8](repeating: 0, count: 15) + [8]), values: values)))
        #expect(Self.refusal(tensor) == "values: have dims [2, 8], they must be a vector")
        let vector = Tensor(
            .float, dims: [4],
            encoding: .affine(Affine(bits: 4, isSigned: true, block: nil, codes: TensorBytes([0x21, 0xf3]), scale: Tensor(.float, dims: [], bytes: Self.floats([2])), zeroPoint: nil)))
        let sparse = Tensor(.float, dims: [8], encoding: .bitmask(Bitmask(mask: TensorBytes([0b1001_0110]), values: vector)))
        #expect(try Self.values(sparse) == [0, 2, 4, 0, 6, 0, 0, -2])
    }

    @Test func refusesSparseTensorsThatBreakARule() {
        func gaps(_ gaps: [UInt8], values: Int, dims: [Int] = [300]) -> String? {
            Self.refusal(Tensor(.int8, dims: dims, encoding: .gaps(Gaps(gaps: TensorBytes(gaps), values: Tensor(.int8, dims: [values], bytes: TensorBytes([UInt8](repeating: 1, count: values)))))))
        }
        #expect(gaps([255, 44], values: 1) == nil)
        #expect(gaps([255, 45], values: 1) == "the gaps reach element 301, the tensor has 300")
        #expect(gaps([1, 255], values: 2) == "the gaps lead to 1 values, there are 2")
        #expect(gaps([1], values: 2) == "has 1 gaps for 2 values")
        #expect(gaps([0, 0], values: 2, dims: [1]) == "values: are 2, more than the tensor's 1 elements")
        func mask(_ mask: [UInt8], values: Int) -> String? {
            Self.refusal(Tensor(.int8, dims: [12], encoding: .bitmask(Bitmask(mask: TensorBytes(mask), values: Tensor(.int8, dims: [values], bytes: TensorBytes([UInt8](repeating: 1, count: values)))))))
        }
        #expect(mask([3, 8], values: 3) == nil)
        #expect(mask([3, 8], values: 2) == "the bitmask has 3 bits set, there are 2 values")
        #expect(mask([3, 16], values: 3) == "the bitmask has bits set behind its 12 elements")
        #expect(mask([3], values: 2) == "a bitmask of 12 elements takes 2 bytes, the data has 1")
    }

    // --- strings

    @Test func keepsStringsOfAnyBytes() throws {
        let strings: [[UInt8]] = [[], [0xff, 0], Array("é".utf8), [], Array("long ".utf8) + [UInt8](repeating: 7, count: 3000)]
        let list = StringList(strings)
        #expect(try list.strings() == strings)
        let tensor = Tensor(.string, dims: [5], encoding: .strings(list))
        #expect(throws: Never.self) { try tensor.checkEncoding() }
        #expect(Self.refusal(tensor) == "STRING values have no plain bytes")
        #expect(try StringList([]).strings() == [])
    }

    @Test func refusesStringsThatDoNotFit() {
        var list = StringList([[1, 2], [3]])
        list.joined = TensorBytes([1, 2, 3, 4])
        #expect(throws: ModelError(.damagedFile, "the strings end at byte 3, their data at 4")) { try list.strings() }
        list.joined = TensorBytes([1, 2])
        #expect(throws: ModelError(.damagedFile, "string 1 ends at byte 3; it begins at 2 and all have 2")) { try list.strings() }
        list.ends = Tensor(.uint64, dims: [2], bytes: TensorBytes([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128]))
        #expect(throws: ModelError(.damagedFile, "string 1 ends at byte 9223372036854775808; it begins at 1 and all have 2")) { try list.strings() }
        #expect(Self.refusal(Tensor(.string, dims: [3], encoding: .strings(list))) == "ends: are UINT64 of dims [2], they must be UINT64 of dims [3]")
    }

    // --- transposed

    @Test(arguments: [ElementType.uint8, .float16, .float, .double, .complex128]) func transposesBackAndForth(type: ElementType) throws {
        var random = SeededRandom()
        for dims in [[1, 1], [3, 5], [64, 33], [100, 300], [300, 170]] {
            let width = type.bitWidth! / 8, stored = random.bytes(dims[0] * dims[1] * width)
            let tensor = Tensor(type, dims: [dims[1], dims[0]], encoding: .transposed(Transposed(of: Tensor(type, dims: dims, bytes: TensorBytes(stored)))))
            let bytes = try tensor.plainBytes(), got = try bytes.array()
            var differs = false
            for row in 0..<dims[0] {
                for column in stride(from: 0, to: dims[1], by: 1 + dims[1] / 50) {
                    let a = (row * dims[1] + column) * width, b = (column * dims[0] + row) * width
                    differs = differs || stored[a..<a + width] != got[b..<b + width]
                }
            }
            #expect(!differs && got.count == stored.count, "\(type) \(dims), seed \(random.seed)")
            try Self.checkPieces(bytes, &random)
        }
    }

    @Test func refusesTransposesOfSomethingElse() {
        let stored = Tensor(.uint8, dims: [2, 3], bytes: TensorBytes([1, 2, 3, 4, 5, 6]))
        #expect(Self.refusal(Tensor(.uint8, dims: [2, 3], encoding: .transposed(Transposed(of: stored)))) == "stored matrix: is UINT8 of dims [2, 3], it must be UINT8 of dims [3, 2]")
        #expect(Self.refusal(Tensor(.uint8, dims: [6], encoding: .transposed(Transposed(of: stored)))) == "a transposed tensor has dims [6], it must be a matrix")
        #expect(Self.refusal(Tensor(.int4, dims: [3, 2], encoding: .transposed(Transposed(of: stored)))) == "a transposed tensor is INT4, its elements must have whole bytes")
    }

    // --- plain

    @Test func refusesPlainValuesOfAnotherSize() {
        #expect(Self.refusal(Tensor(.int4, dims: [3], bytes: TensorBytes([1, 2]))) == nil)
        #expect(Self.refusal(Tensor(.float, dims: [2], bytes: TensorBytes([1]))) == "FLOAT values of dims [2] take 8 bytes, the data has 1")
        #expect(Self.refusal(Tensor(.undefined, dims: [0], bytes: .empty)) == nil)
        #expect(Self.refusal(Tensor(.undefined, dims: [1], bytes: .empty)) == "has values of type UNDEFINED, of which there can be none")
        #expect(Self.refusal(Tensor(.string, dims: [0], bytes: .empty)) == "has STRING values that are not a list of strings")
        #expect(Self.refusal(Tensor(ElementType(rawValue: 99), dims: [0], bytes: .empty)) == "has data type 99, which this version does not know")
        #expect(Self.refusal(Tensor(.uint8, dims: [1 << 40, 1 << 40], bytes: .empty)) == "dims [1099511627776, 1099511627776] leave the limit of 2^48 elements")
        #expect(Self.refusal(Tensor(.uint8, dims: [Int](repeating: 1, count: 65), bytes: .empty)) == "has rank 65, the limit is 64")
    }
}
