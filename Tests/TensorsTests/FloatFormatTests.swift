import Foundation
import TestSupport
import Testing

@testable import Tensors

private let formats: [(type: ElementType, largest: Float)] = [
    (.float8e4m3fn, 448), (.float8e4m3fnuz, 240), (.float8e5m2, 57344), (.float8e5m2fnuz, 57344), (.float4e2m1, 6), (.float6e2m3, 7.5), (.float6e3m2, 28),
]

private func format(_ type: ElementType) throws -> FloatFormat { try #require(FloatFormat(type)) }

@Suite struct FloatFormatTests {
    @Test func everyCodeComesBackAsItself() throws {
        for (type, largest) in formats {
            let format = try format(type), codes = 0..<(1 << (type.bitWidth ?? 0))
            var numbers: [Float] = []
            for code in codes {
                let value = format.decode(UInt8(code))
                if value.isNaN { continue }
                #expect(format.encode(Double(value), saturate: false) == UInt8(code), "\(type) code \(code) is \(value)")
                if value.isFinite { numbers.append(value) }
            }
            #expect(numbers.max() == largest && numbers.min() == -largest, "\(type)")
            #expect(Set(numbers).count >= codes.count - 1 - codes.count / 16, "\(type)")
        }
    }

    @Test func roundsTiesToEvenAndCarriesIntoTheExponent() throws {
        let format = try format(.float8e4m3fn)
        // Between 1 and 2 steps are 1/8.
        for (value, expected) in [(1.0625, 1.0), (1.1875, 1.25), (1.9375, 2.0), (-1.0625, -1.0), (0x1p-10, 0.0), (0x1.8p-9, 0x1p-8), (464, 448)] {
            #expect(format.decode(format.encode(value, saturate: false)) == Float(expected), "\(value)")
        }
    }

    /// The two tables of the operator Cast.
    @Test func treatsTheSpecialNumbersAsTheSpecificationSays() throws {
        for (type, largest) in formats.prefix(4) {
            let format = try format(type)
            for (value, expected) in [(Double.infinity, largest), (-.infinity, -largest), (1e30, largest), (-1e30, -largest)] {
                #expect(format.decode(format.encode(value, saturate: true)) == expected, "\(type) of \(value)")
            }
            let infinity = format.decode(format.encode(.infinity, saturate: false)), below = format.decode(format.encode(-1e30, saturate: false))
            #expect(type == .float8e5m2 ? infinity == .infinity && below == -.infinity : infinity.isNaN && below.isNaN, "\(type)")
            #expect(format.decode(format.encode(.nan, saturate: true)).isNaN)
            let zero = format.decode(format.encode(-0.0, saturate: true))
            #expect(zero == 0 && (zero.sign == .plus) == (type == .float8e4m3fnuz || type == .float8e5m2fnuz), "\(type)")
        }
    }

    @Test func roundsScalesUpDownAndToNearest() {
        for (value, up, down, nearest) in [(1.0, 127, 127, 127), (1.25, 128, 127, 127), (1.5, 128, 127, 128), (1.75, 128, 127, 128), (3, 129, 128, 129), (0, 0, 0, 0)] as [(Float, UInt8, UInt8, UInt8)] {
            #expect(ScaleFormat.encode(value, .up, saturate: true) == up, "\(value)")
            #expect(ScaleFormat.encode(value, .down, saturate: true) == down, "\(value)")
            #expect(ScaleFormat.encode(value, .nearest, saturate: true) == nearest, "\(value)")
        }
        let largest = Float.greatestFiniteMagnitude
        #expect(ScaleFormat.encode(largest, .up, saturate: true) == 254)
        #expect(ScaleFormat.encode(largest, .up, saturate: false) == 255)
        #expect(ScaleFormat.encode(.infinity, .up, saturate: true) == 254)
        #expect(ScaleFormat.encode(.nan, .up, saturate: true) == 255)
    }

    @Test(.enabled(if: Places.hasPython, "needs the Python of Scripts/test"))
    func roundsAsMlDtypes() throws {
        var random = SeededRandom(), numbers: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, 448, 464, 465, 480, 61439, 61440, 240, 247, 248]
        for step in -4000...4000 { numbers.append(Double(step) / 64) }
        for _ in 0..<20_000 {
            let significand = Double(random.next() >> 11) * 0x1p-53 - 0.5
            numbers.append(significand * Double(sign: .plus, exponent: Int(random.next() % 60) - 35, significand: 1))
        }
        let folder = try TemporaryFolder()
        let question = folder("numbers"), answer = folder("codes")
        try Data(numbers.flatMap { littleEndianBytes($0.bitPattern) }).write(to: URL(fileURLWithPath: question))
        let outcome = try Command.oracle("float_formats.py", question, answer).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        var codes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: answer)))[...]
        for (type, _) in formats {
            let format = try format(type)
            for saturate in type.bitWidth == 8 ? [false, true] : [true] {
                for (value, code) in zip(numbers, codes.prefix(numbers.count)) {
                    #expect(format.encode(value, saturate: saturate) == code, "\(type) of \(value), seed \(random.seed)")
                }
                codes = codes.dropFirst(numbers.count)
            }
        }
        try roundsHalves(numbers, Array(codes), random.seed)
    }

    /// By way of binary32, yet once only.
    private func roundsHalves(_ numbers: [Double], _ expected: [UInt8], _ seed: UInt64) throws {
        // Halfway between two halves, and next to it what binary32 cannot tell from it.
        let hard = [1.00048828125, 1.00048828125 + 0x1p-50, 1.00048828125 - 0x1p-50]
        let floats = (numbers + hard).map { Float(roundingToOdd: $0) }
        var bytes = [UInt8](repeating: 0, count: floats.count * 2)
        floats.withUnsafeBufferPointer { floats in bytes.withUnsafeMutableBytes { FloatConversion.fromFloat(floats, .float16, into: $0) } }
        for (index, value) in numbers.enumerated() where !value.isNaN {
            #expect(Array(bytes[2 * index..<2 * index + 2]) == Array(expected[2 * index..<2 * index + 2]), "\(value), seed \(seed)")
        }
        #expect(Array(bytes.suffix(6)) == [0x00, 0x3c, 0x01, 0x3c, 0x00, 0x3c])
    }
}
