import Foundation
import TestSupport
import Testing

@testable import Tensors

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
private let python = root.appendingPathComponent(".cache/python/bin/python").path

/// NumPy as the second opinion.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: python), "needs the Python of Scripts/test"))
struct EncodingOracleTests {
    struct Case: Encodable {
        var kind = "affine"
        var dims: [Int] = []
        var bits = 0
        var signed = false
        var codes = ""
        var count = 0
        var block: [Int]?
        var scale = ""
        var scaleType = ""
        var zero = ""
        var zeroType = ""
        var type = ""
        var values = ""

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            let texts = [
                ("kind", kind), ("codes", codes), ("scale", scale), ("scaleType", scaleType), ("zero", zero), ("zeroType", zeroType), ("type", type),
                ("values", values),
            ]
            for (key, value) in texts { try container.encode(value, forKey: Key(key)) }
            for (key, value) in [("bits", bits), ("count", count)] { try container.encode(value, forKey: Key(key)) }
            try container.encode(dims, forKey: Key("dims"))
            try container.encode(signed, forKey: Key("signed"))
            try container.encode(block, forKey: Key("block"))
        }

        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(_ text: String) { stringValue = text }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }

    static func hexText(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

    static func ask(_ cases: [Case]) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let question = folder.appendingPathComponent("cases.json"), answer = folder.appendingPathComponent("results.json")
        try JSONEncoder().encode(cases).write(to: question)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [root.appendingPathComponent("Tests/Oracles/encodings.py").path, question.path, answer.path]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try JSONDecoder().decode([String].self, from: Data(contentsOf: answer))
    }

    @Test func unpacksCodeStreamsAsNumPy() throws {
        var random = SeededRandom(), cases: [Case] = [], own: [String] = []
        for bits in 1...16 {
            for signed in [false, true] where bits > 1 || !signed {
                let count = Int.random(in: 1...200, using: &random)
                let stream = CodeStream.pack((0..<count).map { _ in Int32.random(in: -40_000...40_000, using: &random) }, bits: bits)
                #expect(stream.count == (count * bits + 7) / 8)
                cases.append(Case(kind: "codes", bits: bits, signed: signed, codes: Self.hexText(stream), count: count))
                let codes = try CodeStream.unpack(TensorBytes(stream), bits: bits, isSigned: signed, range: 0..<count)
                #expect(CodeStream.pack(codes, bits: bits) == stream, "\(bits) bits, seed \(random.seed)")
                own.append(Self.hexText(codes.flatMap { code in (0..<4).map { UInt8(truncatingIfNeeded: code >> (8 * $0)) } }))
            }
        }
        #expect(try Self.ask(cases) == own, "seed \(random.seed)")
    }

    @Test func convertsFloatsAsNumPy() throws {
        var random = SeededRandom()
        // Around every border: subnormals of fp16, ties, the largest values, infinity.
        var bits: [UInt32] = [0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 0x477f_efff, 0x477f_f000, 0x3300_0000, 0x3300_0001, 0x3880_0000, 0x387f_ffff, 0x7f7f_ffff, 1]
        bits += (0..<3000).map { _ in UInt32.random(in: 0...0x7f7f_ffff, using: &random) | UInt32.random(in: 0...1, using: &random) << 31 }
        bits += (0..<3000).map { _ in UInt32.random(in: 0x3200_0000...0x4800_0000, using: &random) & 0xffff_f000 }
        let values = bits.map { Float(bitPattern: $0) }
        let text = Self.hexText(bits.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
        var own: [String] = [], cases: [Case] = []
        for type in [ElementType.float16, .bfloat16, .double] {
            var bytes = [UInt8](repeating: 0, count: values.count * type.storageWidth)
            unsafe values.withUnsafeBufferPointer { values in
                unsafe bytes.withUnsafeMutableBytes { unsafe FloatConversion.fromFloat(values, type, into: $0) }
            }
            own.append(Self.hexText(bytes))
            cases.append(Case(kind: "convert", type: type.description, values: text))
        }
        #expect(try Self.ask(cases) == own, "seed \(random.seed)")
    }

    @Test func decodesAffineTensorsAsNumPy() throws {
        var random = SeededRandom(), cases: [Case] = [], own: [String] = []
        let types: [ElementType] = [.float, .float16, .bfloat16, .double], scaleTypes: [ElementType] = [.float, .float16, .bfloat16, .float8e8m0]
        for round in 0..<120 {
            let dims = (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 1...9, using: &random) }
            let block: [Int]? = Bool.random(using: &random) ? nil : dims.map { Int.random(in: 0...$0 + 1, using: &random) }
            let grid = try Grid(block: block, dims: dims).cells
            let count = dims.reduce(1, *), cells = grid.reduce(1, *), bits = Int.random(in: 2...16, using: &random)
            let signed = Bool.random(using: &random), type = types[round % 4], scaleType = scaleTypes[round / 4 % 4]
            let codes = CodeStream.pack((0..<count).map { _ in Int32.random(in: 0...65535, using: &random) }, bits: bits)
            let scale = (0..<cells).flatMap { _ -> [UInt8] in
                let value = Float.random(in: 0.0001...3, using: &random)
                switch scaleType {
                case .float8e8m0: return [UInt8.random(in: 100...150, using: &random)]
                case .float: return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
                default:
                    var bytes: [UInt8] = [0, 0]
                    unsafe [value].withUnsafeBufferPointer { values in
                        unsafe bytes.withUnsafeMutableBytes { unsafe FloatConversion.fromFloat(values, scaleType, into: $0) }
                    }
                    return bytes
                }
            }
            let zeroTypes: [ElementType] = bits <= 8 ? [.uint8, .int8] : [.uint16, .int16]
            let zeroType = zeroTypes[round % 2], zero = round % 3 == 0 ? nil : random.bytes(cells * zeroType.storageWidth)
            let tensor = Tensor(
                type, dims: dims,
                encoding: .affine(
                    Affine(
                        bits: bits, isSigned: signed, block: block, codes: TensorBytes(codes),
                        scale: Tensor(scaleType, dims: grid, bytes: TensorBytes(scale)),
                        zeroPoint: zero.map { Tensor(zeroType, dims: grid, bytes: TensorBytes($0)) })))
            own.append(Self.hexText(try tensor.plainBytes().array()))
            cases.append(
                Case(
                    dims: dims, bits: bits, signed: signed, codes: Self.hexText(codes), block: block, scale: Self.hexText(scale),
                    scaleType: scaleType.description, zero: Self.hexText(zero ?? []), zeroType: zeroType.description, type: type.description))
        }
        let answers = try Self.ask(cases)
        for index in own.indices { #expect(answers[index] == own[index], "case \(index), seed \(random.seed)") }
    }
}
