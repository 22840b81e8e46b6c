import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

private func cast(_ tensor: Tensor, to type: ElementType, _ attributes: [Name: AttributeValue] = [:]) throws -> Tensor {
    try output(Cast.self, [tensor], attributes.merging(["to": .int(Int64(type.rawValue))]) { $1 }, opset: 28)
}

@Suite struct ConversionTests {
    @Test func packsAndUnpacksEveryWidth() throws {
        var random = SeededRandom()
        for type in [.uint4, .int4, .uint2, .int2, .float6e2m3, .float4e2m1] as [ElementType] {
            let bits = try #require(type.bitWidth), isSigned = type == .int4 || type == .int2
            for count in 0..<20 {
                let codes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) & (1 << UInt8(bits) - 1) }
                let packed = try Tensor.packing(NewElements(codes), to: type, [count])
                #expect(try Array(packed.unpackedElements(as: UInt8.self)).map { $0 & (1 << UInt8(bits) - 1) } == codes, "\(type), seed \(random.seed)")
                let signed = codes.map { isSigned && $0 >> UInt8(bits - 1) == 1 ? Int8($0) - Int8(1 << bits) : Int8($0) }
                #expect(try Array(packed.unpackedElements(as: Int8.self)) == signed, "\(type), seed \(random.seed)")
            }
        }
    }

    @Test func castsBetweenIntegersKeepLowBits() throws {
        let x = try Tensor.of([200, -1, 300, 1 << 40] as [Int64])
        #expect(try cast(x, to: .int8).values(Int8.self) == [-56, -1, 44, 0])
        #expect(try Array(cast(x, to: .uint4).unpackedElements(as: UInt8.self)) == [8, 15, 12, 0])
        #expect(try cast(x, to: .bool).values(UInt8.self) == [1, 1, 1, 1])
        #expect(try cast(.of([UInt64.max], nil, .uint64), to: .float).values(Float.self) == [0x1p64])
    }

    @Test func castsOfAnyFloatToIntegersAreDefined() throws {
        let x = try Tensor.of([.nan, .infinity, -.infinity, 1e30, -1e30, 3.9, -3.9, 0x1p63, 0x1p31] as [Float])
        #expect(try cast(x, to: .int64).values(Int64.self) == [.min, .min, .min, .min, .min, 3, -3, .min, 1 << 31])
        #expect(try cast(x, to: .int32).values(Int32.self) == [.min, .min, .min, .min, .min, 3, -3, .min, .min])
        #expect(try cast(x, to: .uint64).values(UInt64.self)[7] == 1 << 63)
        #expect(try cast(x, to: .bool).values(UInt8.self) == [UInt8](repeating: 1, count: 9))
        for type in ElementType.allKnown where type != .complex64 && type != .complex128 { #expect(try cast(x, to: type).dims == [9], "\(type)") }
    }

    @Test func readsAndWritesNumbersAsText() throws {
        let texts = Tensor.strings(["1.5", " -2e3 ", "+INF", "-inf", "NaN", "1E-3"].map { Array($0.utf8) }, dims: [6])
        let numbers = try cast(texts, to: .float).values(Float.self)
        #expect(numbers[0...3] == [1.5, -2000, .infinity, -.infinity] && numbers[4].isNaN && numbers[5] == 0.001)
        let written = try cast(.of([0.1, 1e10, .infinity, .nan, -3] as [Float]), to: .string).stringElements().map { String(decoding: $0, as: UTF8.self) }
        #expect(written == ["0.1", "1e+10", "INF", "NaN", "-3"])
        #expect(try cast(.strings([Array("100.5".utf8)], dims: []), to: .int64).values(Int64.self) == [100])
        #expect(throws: ModelError(.invalidGraph, "element 0 is 'Hello', a number is needed to cast it to FLOAT")) {
            try cast(.strings([Array("Hello".utf8)], dims: [1]), to: .float)
        }
    }

    @Test func saturatesWhereAsked() throws {
        let x = try Tensor.of([1e6, -1e6] as [Float])
        #expect(try Array(cast(x, to: .float8e4m3fn).floats("it")) == [448, -448])
        #expect(try cast(x, to: .float8e4m3fn, ["saturate": .int(0)]).floats("it").allSatisfy(\.isNaN))
        #expect(try Array(cast(.of([3, 0] as [Float]), to: .float8e8m0, ["round_mode": .string(Array("down".utf8))]).floats("it")) == [2, 0x1p-127])
    }

    @Test func quantizesPerTensorAxisAndBlock() throws {
        let x = try Tensor.of([0, 1, 2, 3, 4, 5] as [Float], [2, 3]), one = try Tensor.of([0.5 as Float], [])
        #expect(try output(QuantizeLinear.self, [x, one]).values(UInt8.self) == [0, 2, 4, 6, 8, 10])
        let perAxis = try Tensor.of([1, 2, 3] as [Float]), zeros = try Tensor.of([0, 10, -128] as [Int8], nil, .int8)
        #expect(try output(QuantizeLinear.self, [x, perAxis, zeros]).values(Int8.self) == [0, 10, -127, 3, 12, -126])
        let blocks = try Tensor.of([1, 2, 4, 5] as [Float], [2, 2]), codes = try Tensor.of([1, 1, 1, 1, 1, 1] as [Int8], [2, 3], .int8)
        #expect(try output(DequantizeLinear.self, [codes, blocks], ["block_size": .int(2)]).values(Float.self) == [1, 1, 2, 4, 4, 5])
        #expect(try refusal(DequantizeLinear.self, [codes, perAxis], ["block_size": .int(2)]) == "the scale has dims [3]; for blocks of 2 along axis 1 of [2, 3] they are [2, 2]")
        #expect(try refusal(QuantizeLinear.self, [x, .of([1, 2] as [Float])]) == "the scale has dims [2], the input [2, 3]; one scale or 3 for axis 1 are needed")
        #expect(try output(QuantizeLinear.self, [.of([.nan, .infinity, -.infinity] as [Float]), one]).values(UInt8.self) == [0, 255, 0])
    }

    @Test func dynamicQuantizationOfZerosHasAScale() throws {
        let found = try outputs(DynamicQuantizeLinear.self, [.of([0, 0] as [Float])], outputs: 3)
        #expect(try found[0].values(UInt8.self) == [0, 0])
        #expect(try found[1].values(Float.self) == [1])
    }

    @Test func bitsAreKeptOnlyBetweenEqualWidths() throws {
        #expect(try output(BitCast.self, [.of([1 as Float])], ["to": .int(6)], opset: 26).values(Int32.self) == [0x3f80_0000])
        #expect(try refusal(BitCast.self, [.of([1 as Float])], ["to": .int(7)], opset: 26)?.contains("do not have the same width") == true)
    }
}
