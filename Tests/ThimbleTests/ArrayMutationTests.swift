import Foundation
import Tensors
import TestSupport
import Testing

@testable import Thimble

/// Changed `.npz` and `.npy` files give arrays that are what they say, or a `ModelError`; never a trap. The changes are the same in
/// each run; THIMBLE_ARRAY_CHANGES=new makes others.
@Suite struct ArrayMutationTests {
    private static let seed = ProcessInfo.processInfo.environment["THIMBLE_ARRAY_CHANGES"] == "new" ? SeededRandom().seed : 1

    /// What NumPy's savez_compressed made of a float matrix, two strings, big-endian numbers in Fortran's order and two booleans.
    private static let compressed = [UInt8](
        Data(
            base64Encoded: """
                UEsDBC0AAAAIAAAAIQDAoczq//////////8FABQAeC5ucHkBABAAsAAAAAAAAABJAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9U\
                UpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6CiaaOgq1CmQDLgYSAQBQSwMELQAAAAgAAAAhAOQmwmr//////////wUAFABzLm5weQEAEACQAAAAAAAA\
                AE4AAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbhNqpK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQArkQGBoaXQJzEAAEA\
                UEsDBC0AAAAIAAAAIQDhHvqo//////////8FABQAZi5ucHkBABAAjAAAAAAAAABRAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6XaaSuo6Cell9U\
                UpSYF59flJIKEg8pKk0FChdnJBakArkaRjoKxpo6CrUK5AMuBgYGZgZGBhYGJgZWAFBLAwQtAAAACAAAACEA7hm7Xf//////////BQAUAGIubnB5AQAQ\
                AIIAAAAAAAAARgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBek2SorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOpo6CrUKFAAuRgYA\
                UEsBAi0DLQAAAAgAAAAhAMChzOpJAAAAsAAAAAUAAAAAAAAAAAAAAIABAAAAAHgubnB5UEsBAi0DLQAAAAgAAAAhAOQmwmpOAAAAkAAAAAUAAAAAAAAA\
                AAAAAIABgAAAAHMubnB5UEsBAi0DLQAAAAgAAAAhAOEe+qhRAAAAjAAAAAUAAAAAAAAAAAAAAIABBQEAAGYubnB5UEsBAi0DLQAAAAgAAAAhAO4Zu11G\
                AAAAggAAAAUAAAAAAAAAAAAAAIABjQEAAGIubnB5UEsFBgAAAAAEAAQAzAAAAAoCAAAAAA==
                """)!)

    @Test func readsWhatNumPyCompressed() throws {
        let folder = try TemporaryFolder(), arrays = try NumpyArchive.read(folder.write(Self.compressed, "x.npz"))
        #expect(arrays.map(\.name) == ["x", "s", "f", "b"])
        #expect(arrays.map(\.tensor) == [
            .floats(nil, [3, 4], Array(repeating: 0, count: 12)), Tensor(.string, dims: [2], encoding: .strings(StringList([Array("aé".utf8), Array("b".utf8)]))),
            Tensor(.int16, dims: [2, 3], bytes: TensorBytes([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0])), Tensor(.bool, dims: [2], bytes: TensorBytes([1, 0])),
        ])
    }

    @Test func changedArchives() throws {
        let folder = try TemporaryFolder(), path = folder("x.npz")
        try NumpyArchive.write([("a", .floats(nil, [2, 3], Array(repeating: 1, count: 6))), ("b", .ints(nil, [], [7]))], to: path, replacing: false)
        let sources = [Self.compressed, try bytes(of: path)]
        var random = SeededRandom(seed: Self.seed), refused = 0
        for round in 0..<1500 {
            let changed = Self.changed(sources[round % 2], &random)
            try write(changed, to: path)
            refused += try Self.isRefused(round) { try NumpyArchive.read(path).map(\.tensor) } ? 1 : 0
        }
        #expect(refused > 700)
    }

    @Test func changedArrays() throws {
        let headers = ["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "{'descr': '>U3', 'fortran_order': True, 'shape': (2, 1), }", "{'descr': '|S12', 'fortran_order': False, 'shape': (2,), }"]
        var random = SeededRandom(seed: Self.seed), refused = 0
        for round in 0..<20_000 {
            let text = Array(headers[round % 3].utf8), start: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count), 0]
            let changed = Self.changed(start + text + [UInt8](repeating: UInt8(round % 3 == 1 ? 0 : 65), count: 24), &random)
            refused += try Self.isRefused(round) { [try NumpyArray.read(TensorBytes(changed))] } ? 1 : 0
        }
        #expect(refused > 5000 && refused < 20_000)
    }

    /// Other errors than a `ModelError` are thrown on.
    private static func isRefused(_ round: Int, _ body: () throws -> [Tensor]) throws -> Bool {
        do {
            for tensor in try body() {
                try tensor.checkEncoding()
                if case .strings(let list) = tensor.encoding { #expect(try list.strings().count == tensor.elementCount, "round \(round), seed \(seed)") }
            }
            return false
        } catch let error as ModelError {
            #expect(error.code != .internalFault, "\(error), round \(round), seed \(seed)")
            return true
        }
    }

    /// One to four changes: a byte, a number that is an extreme, bytes that go, come or come twice.
    private static func changed(_ source: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = source
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard bytes.count > 8 else { return bytes }
            let at = Int.random(in: 0..<bytes.count - 8, using: &random), count = Int.random(in: 1...8, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.replaceSubrange(at..<at + count, with: [UInt8](repeating: [0, 0xff, 0x7f, 0x80].randomElement(using: &random)!, count: count))
            case 3: bytes.removeSubrange(at..<at + count)
            case 4: bytes.insert(contentsOf: bytes[at..<at + count], at: at)
            // Digits and punctuation, which headers are made of.
            default: bytes[at] = Array("0123456789()',: <>|=".utf8).randomElement(using: &random)!
            }
        }
        return bytes
    }
}
