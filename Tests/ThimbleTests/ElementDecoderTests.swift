import Foundation
import Tensors
import Testing
import TestSupport

@testable import Thimble

@Suite struct ElementDecoderTests {
    @Test func decodesEveryHalf() {
        let bytes = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let values = ElementType.float16.decode(bytes, count: 65536)
        for code in 0...UInt16.max {
            let sign = code >> 15 == 1 ? -1.0 : 1.0, exponent = Int(code >> 10 & 31), mantissa = Double(code & 1023)
            let expected =
                exponent == 31 ? (mantissa == 0 ? sign * .infinity : .nan)
                : exponent == 0 ? sign * mantissa * pow(2, -24) : sign * (1024 + mantissa) * pow(2, Double(exponent - 25))
            #expect(values[Int(code)] == expected || values[Int(code)].isNaN && expected.isNaN, "code \(code)")
        }
    }

    @Test(arguments: [
        (ElementType.float8e4m3fn, 0x7e, 448.0), (.float8e4m3fn, 0x01, 0x1p-9), (.float8e4m3fnuz, 0x7f, 240.0), (.float8e5m2, 0x7b, 57344.0),
        (.float8e5m2fnuz, 0x7f, 57344.0), (.float8e8m0, 127, 1.0), (.float8e5m2, 0xfc, -.infinity), (.int8, 0x80, -128.0), (.bool, 2, 2.0),
    ])
    func decodesOneByteTypes(type: ElementType, code: UInt8, value: Double) {
        #expect(type.decode([code], count: 1) == [value])
    }

    @Test func decodesPackedTypesLowBitsFirst() {
        #expect(ElementType.int4.decode([0x8f], count: 2) == [-1, -8])
        #expect(ElementType.uint4.decode([0x8f], count: 2) == [15, 8])
        #expect(ElementType.int2.decode([0b11_10_01_00], count: 4) == [0, 1, -2, -1])
        #expect(ElementType.float4e2m1.decode([0xf7], count: 2) == [6, -6])
    }

    @Test func measuresTheErrorOfChangedValues() throws {
        let a: [Float] = [1, -2, 3, 0, .nan], b: [Float] = [1, -2.5, 3, 0, .nan]
        func tensor(_ values: [Float]) -> Tensor {
            Tensor(name: "w", .float, dims: [5], bytes: TensorBytes(values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) } }))
        }
        let result = try ValueComparison(tensor(a), tensor(b)).run()
        let error = try #require(result.error)
        #expect(!result.isIdentical)
        #expect(error.elementCount == 5 && error.differingCount == 1)
        #expect(error.largest == 0.5 && error.mean == 0.125)
        #expect(abs(try #require(error.sqnrDecibels) - 10 * log10(14 / 0.25)) < 1e-9)
        #expect(abs(try #require(error.cosine) - 15 / (14 * 16.25).squareRoot()) < 1e-12)
        #expect(try ValueComparison(tensor(a), tensor(a)).run().isIdentical)
    }
}
