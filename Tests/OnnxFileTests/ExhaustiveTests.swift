import Foundation
import ModelGraph
@testable import OnnxFile
import TestSupport
import Tensors
import Testing

/// Damage of every kind that a byte can have. What is still a model is written, and read again it must be the same.
@Suite struct ExhaustiveTests {
    static let base: [UInt8] = {
        func value(_ name: String, _ dims: [Int64]) -> [UInt8] {
            let shape = dims.flatMap { Wire.bytes(1, Wire.number(1, $0)) }
            return Wire.text(1, name) + Wire.bytes(2, Wire.bytes(1, Wire.number(1, 1) + Wire.bytes(2, shape)))
        }
        let attribute = Wire.text(1, "a") + Wire.key(2, 5) + [0, 0, 128, 63] + Wire.number(20, 1)
        let node = Wire.text(1, "x") + Wire.text(1, "w") + Wire.text(2, "y") + Wire.text(3, "n") + Wire.text(4, "Op") + Wire.bytes(5, attribute)
        let tensor = Wire.number(1, 2) + Wire.number(2, 1) + Wire.text(8, "w") + Wire.bytes(9, Wire.floats([1, -2]))
        let strings = Wire.number(1, 1) + Wire.number(2, 8) + Wire.bytes(6, [0xff]) + Wire.text(8, "s")
        let ints = Wire.number(1, 2) + Wire.number(2, 3) + Wire.packed(5, [-1, 7]) + Wire.text(8, "i")
        let graph = Wire.bytes(1, node) + Wire.text(2, "g") + Wire.bytes(5, tensor) + Wire.bytes(5, strings) + Wire.bytes(5, ints)
            + Wire.bytes(11, value("x", [1, 2])) + Wire.bytes(12, value("y", [1]))
        return Wire.number(1, 8) + Wire.text(2, "p") + Wire.bytes(7, graph) + Wire.bytes(8, Wire.number(2, 17)) + Wire.number(99, 1)
    }()

    /// True if `bytes` are a model and come back as the same model.
    private func isReadAndWrittenBack(_ bytes: [UInt8], _ folder: TemporaryFolder) throws -> Bool {
        let path = try folder.write(bytes)
        guard let contents = try? OnnxFile.read(path) else { return false }
        let out = "\(folder.path)/out.onnx"
        _ = try OnnxFile.write(contents.model, to: out, options: OnnxFile.WriteOptions(replacing: true))
        let again = try OnnxFile.read(out)
        #expect(again.model == contents.model)
        #expect(try OnnxFile.serialization(of: again.model, equals: again.file))
        return true
    }

    @Test func baseIsCanonical() throws {
        let contents = try read(Self.base)
        #expect(contents.warnings.isEmpty)
        #expect(try OnnxFile.serialization(of: contents.model, equals: contents.file))
        #expect(try written(contents.model) == Self.base)
    }

    @Test func everyPrefixIsRefusedOrReadWhole() throws {
        let folder = try TemporaryFolder()
        var accepted: [Int] = []
        for count in 1..<Self.base.count where try isReadAndWrittenBack(Array(Self.base.prefix(count)), folder) { accepted.append(count) }
        // Cut between two fields of the file after its graph, and nowhere else.
        #expect(accepted == [Self.base.count - 7, Self.base.count - 3])
    }

    @Test func everySingleByteChangeIsRefusedOrReadWhole() throws {
        let folder = try TemporaryFolder()
        var accepted = 0
        for index in Self.base.indices {
            // All values would take minutes in a debug build: the ends of each range of meaning, and all single bits.
            var values: Set<UInt8> = [0, 1, 2, 0x7f, 0x80, 0xff]
            for bit in 0..<8 { values.insert(Self.base[index] ^ 1 << UInt8(bit)) }
            for value in values.sorted() where value != Self.base[index] {
                var bytes = Self.base
                bytes[index] = value
                if try isReadAndWrittenBack(bytes, folder) { accepted += 1 }
            }
        }
        #expect(accepted > 100)
    }

    @Test func severalChangesAtOnceAreRefusedOrReadWhole() throws {
        let folder = try TemporaryFolder()
        var random = SeededRandom()
        var accepted = 0
        for _ in 0..<1000 {
            var bytes = Self.base
            for _ in 0..<Int.random(in: 2...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if try isReadAndWrittenBack(bytes, folder) { accepted += 1 }
        }
        #expect(accepted > 0, "seed \(random.seed)")
    }
}
