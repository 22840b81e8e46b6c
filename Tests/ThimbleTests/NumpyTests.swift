import Foundation
@testable import Thimble
import Tensors
import TestSupport
import Testing

/// `.npy` and `.npz`, written, read, and damaged.
@Suite struct NumpyTests {
    private static func header(_ text: String, data: [UInt8], version: UInt8 = 1) -> TensorBytes {
        let length = version == 1 ? [UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)] : [UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8), 0, 0]
        return TensorBytes([0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(text.utf8) + data)
    }

    @Test(arguments: [
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 1), }", "{\"shape\":(2,1),'descr':'|i2','fortran_order':False}   \n",
        "{'descr': '=i2', 'fortran_order': False, 'shape': (2, 1,)}",
    ])
    func readsHeaders(text: String) throws {
        for version in 1...3 as ClosedRange<UInt8> {
            #expect(try NumpyArray.read(Self.header(text, data: [1, 0, 2, 0], version: version)) == Tensor(.int16, dims: [2, 1], bytes: TensorBytes([1, 0, 2, 0])))
        }
    }

    @Test func turnsOrdersRound() throws {
        let big = try NumpyArray.read(Self.header("{'descr': '>i2', 'fortran_order': False, 'shape': (2,)}", data: [0, 1, 0, 2]))
        #expect(big == Tensor(.int16, dims: [2], bytes: TensorBytes([1, 0, 2, 0])))
        let fortran = try NumpyArray.read(Self.header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", data: [1, 4, 2, 5, 3, 6]))
        #expect(fortran == Tensor(.uint8, dims: [2, 3], bytes: TensorBytes([1, 2, 3, 4, 5, 6])))
    }

    @Test(arguments: [
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "pickled Python objects"),
        ("{'descr': '<i2', 'fortran_order': False, 'shape': (3,)}", "do not take the 4 bytes"),
        ("{'descr': '<i2', 'fortran_order': False, 'shape': (2)}", "expected a tuple"),
        ("{'descr': '<i2', 'fortran_order': False, 'shape': (-2,)}", "no size of a dimension"),
        ("{'descr': '<i2', 'fortran_order': False, 'shape': (999999999999999, 999999999999999)}", "more than 2^48 elements"),
        ("{'descr': '<i2', 'fortran_order': 0, 'shape': (2,)}", "neither True nor False"),
        ("{'descr': '<i2', 'fortran_order': False}", "'shape' are needed"),
        ("{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (2,)}", "once each"),
        ("{'descr': '<i2', 'fortran_order': False, 'shape': (2,)} + __import__('os')", "behind the dictionary"),
        ("{'descr': '<q9', 'fortran_order': False, 'shape': (2,)}", "elements of type '<q9'"), ("", "no '{'"), ("{'descr", "a string without an end"),
    ])
    func refusesHeaders(text: String, words: String) {
        let error = #expect(throws: ModelError.self) { try NumpyArray.read(Self.header(text, data: [1, 0, 2, 0])) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    private static let arrays: [(name: Name, tensor: Tensor)] = [
        ("a", Tensor(.float, dims: [2, 2], bytes: TensorBytes((0..<16).map { $0 }))), ("layer/ü:0", Tensor(.int64, dims: [], bytes: TensorBytes([1, 2, 3, 4, 5, 6, 7, 8]))),
        ("none", Tensor(.double, dims: [0, 3], bytes: .empty)), ("b", Tensor(.bool, dims: [3], bytes: TensorBytes([1, 0, 1]))),
        ("s", Tensor(.string, dims: [2], encoding: .strings(StringList([Array("Größe 🪡".utf8), []])))),
        ("raw", Tensor(.string, dims: [1], encoding: .strings(StringList([[0xff, 0x41]])))),
    ]

    @Test func comesBack() throws {
        let folder = try TemporaryFolder()
        try NumpyArchive.write(Self.arrays, to: folder("x.npz"), replacing: false)
        let back = try NumpyArchive.read(folder("x.npz"))
        #expect(back.map(\.name) == Self.arrays.map(\.name) && back.map(\.tensor) == Self.arrays.map(\.tensor))
    }

    @Test func widensWhatNumPyHasNoTypeFor() throws {
        let folder = try TemporaryFolder()
        let arrays: [(name: Name, tensor: Tensor)] = [
            ("bf16", Tensor(.bfloat16, dims: [1], bytes: TensorBytes([0x80, 0x3f]))), ("int4", Tensor(.int4, dims: [3], bytes: TensorBytes([0x8f, 0x07]))),
            ("uint2", Tensor(.uint2, dims: [4], bytes: TensorBytes([0b11_10_01_00]))),
        ]
        try NumpyArchive.write(arrays, to: folder("x.npz"), replacing: false)
        let back = try NumpyArchive.read(folder("x.npz")).map(\.tensor)
        #expect(back == [
            Tensor(.float, dims: [1], bytes: TensorBytes([0, 0, 0x80, 0x3f])), Tensor(.int8, dims: [3], bytes: TensorBytes([0xff, 0xf8, 7])),
            Tensor(.uint8, dims: [4], bytes: TensorBytes([0, 1, 2, 3])),
        ])
    }

    /// Every prefix is refused; every changed byte gives an error or, in what nothing reads (times, versions, padding), the same arrays.
    @Test func damageIsNoticed() throws {
        let folder = try TemporaryFolder()
        let path = folder("x.npz")
        try NumpyArchive.write([Self.arrays[0], Self.arrays[3]], to: path, replacing: false)
        let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for count in 1..<good.count {
            try Data(good[..<count]).write(to: URL(fileURLWithPath: path))
            #expect(throws: ModelError.self, "the first \(count) bytes") { try NumpyArchive.read(path) }
        }
        var silent = 0
        for index in good.indices {
            for change in [0x01, 0x80] as [UInt8] {
                var bad = good
                bad[index] ^= change
                try Data(bad).write(to: URL(fileURLWithPath: path))
                guard let read = try? NumpyArchive.read(path) else { continue }
                silent += 1
                #expect(read.map(\.tensor) == [Self.arrays[0].tensor, Self.arrays[3].tensor], "byte \(index) ^ \(change)")
            }
        }
        #expect(silent < good.count)
    }
}
