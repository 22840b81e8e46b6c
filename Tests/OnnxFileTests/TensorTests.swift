import ModelGraph
@testable import OnnxFile
import Tensors
import Testing

@Suite struct TensorTests {
    /// The tensor of a model with one initializer, which must be written back byte for byte.
    private func tensor(_ body: [UInt8], exact: Bool = true) throws -> Tensor {
        let contents = try read(Wire.model(tensor: body))
        if exact { #expect(try OnnxFile.serialization(of: contents.model, equals: contents.file)) }
        return contents.model.graph.initializers[0]
    }

    private func bytes(_ tensor: Tensor) throws -> [UInt8] {
        guard case .plain(let bytes) = tensor.encoding else { return [] }
        return try bytes.array()
    }

    static let typed: [(type: Int64, values: [Int64], field: UInt64, bytes: [UInt8])] = [
        (2, [0, 255], 5, [0, 255]),  // UINT8
        (3, [-128, 127], 5, [0x80, 0x7f]),  // INT8
        (4, [0, 0xffff], 5, [0, 0, 0xff, 0xff]),  // UINT16
        (5, [-0x8000, 0x7fff], 5, [0, 0x80, 0xff, 0x7f]),  // INT16
        (6, [-1, 1], 5, [255, 255, 255, 255, 1, 0, 0, 0]),  // INT32
        (7, [-2, 3], 7, [254, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0]),  // INT64
        (9, [1, 2], 5, [1, 2]),  // BOOL
        (10, [0x3c00, 0xffff], 5, [0, 0x3c, 0xff, 0xff]),  // FLOAT16
        (12, [1, 0xffff_ffff], 11, [1, 0, 0, 0, 255, 255, 255, 255]),  // UINT32
        (13, [1, -1], 11, [1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]),  // UINT64
        (16, [0x3f80, 1], 5, [0x80, 0x3f, 1, 0]),  // BFLOAT16
        (17, [0x38, 0xff], 5, [0x38, 0xff]), (18, [1, 2], 5, [1, 2]), (19, [1, 2], 5, [1, 2]), (20, [1, 2], 5, [1, 2]),  // FLOAT8
        (24, [127, 255], 5, [127, 255]),  // FLOAT8E8M0
        (21, [0x21], 5, [0x21]), (22, [0xf7], 5, [0xf7]), (23, [0x21], 5, [0x21]),  // 4 bits, two in an entry
        (25, [0xe4], 5, [0xe4]), (26, [0x1b], 5, [0x1b]),  // 2 bits, four in an entry
        (27, [0x3f, 0x01], 5, [0x7f, 0x00]), (28, [0x15, 0x2a], 5, [0x95, 0x0a]),  // 6 bits, one in an entry, packed here
    ]

    @Test(arguments: typed.indices)
    func takesTypedFieldsAsPackedBytes(_ index: Int) throws {
        let (type, values, field, expected) = Self.typed[index]
        let dims: Int64 = type == 25 || type == 26 ? 4 : 2
        let tensor = try tensor(Wire.number(1, dims) + Wire.number(2, type) + Wire.packed(field, values))
        #expect(try bytes(tensor) == expected)
        #expect(tensor.dims == [Int(dims)])
    }

    @Test func leavesFloatsWhereTheyAre() throws {
        // Small values may be copied to an even address.
        let floats = Wire.floats([1, -.infinity, 3] + [Float](repeating: 4, count: 297))
        for body in [Wire.bytes(4, floats), Wire.bytes(9, floats)] {
            let tensor = try tensor(Wire.number(1, 300) + Wire.number(2, 1) + body)
            guard case .plain(let values) = tensor.encoding, case .mapped = values.place else {
                Issue.record("the values were copied")
                continue
            }
            #expect(try values.array() == floats)
        }
        // One key for each value: copied, and written packed.
        let unpacked = [Float(1), 2].flatMap { Wire.key(4, 5) + Wire.floats([$0]) }
        let tensor = try tensor(Wire.number(1, 2) + Wire.number(2, 1) + unpacked, exact: false)
        #expect(try bytes(tensor) == Wire.floats([1, 2]))
        // Two runs.
        let runs = Wire.bytes(4, Wire.floats([1])) + Wire.bytes(4, Wire.floats([2]))
        #expect(try bytes(self.tensor(Wire.number(1, 2) + Wire.number(2, 1) + runs, exact: false)) == Wire.floats([1, 2]))
    }

    @Test func takesComplexNumbersAsPairs() throws {
        let tensor = try tensor(Wire.number(1, 1) + Wire.number(2, 14) + Wire.bytes(4, Wire.floats([1, 2])))
        #expect(try bytes(tensor) == Wire.floats([1, 2]))
        let double = try self.tensor(Wire.number(1, 1) + Wire.number(2, 15) + Wire.bytes(10, [UInt8](1...16)))
        #expect(try bytes(double) == [UInt8](1...16))
    }

    @Test func takesStringsAsBytes() throws {
        let tensor = try tensor(Wire.number(1, 3) + Wire.number(2, 8) + Wire.bytes(6, [0xff, 0]) + Wire.bytes(6, []) + Wire.text(6, "x"))
        guard case .strings(let list) = tensor.encoding, case .plain(let ends) = list.ends.encoding else {
            Issue.record("no strings")
            return
        }
        #expect(try list.joined.array() == [0xff, 0, 0x78])
        #expect(try ends.array() == [2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func takesNoElementsWithAndWithoutAField() throws {
        #expect(try tensor(Wire.number(1, 0) + Wire.number(2, 1)).origin.field == .none)
        #expect(try tensor(Wire.number(1, 0) + Wire.number(2, 1) + Wire.bytes(9, [])).origin.field == .raw)
        #expect(try tensor(Wire.number(1, 0) + Wire.number(2, 8)).encoding.isStrings)
    }

    @Test func keepsUnusedBitsAndUnknownTypes() throws {
        #expect(try bytes(tensor(Wire.number(1, 3) + Wire.number(2, 22) + Wire.bytes(9, [0x21, 0xf3]))) == [0x21, 0xf3])
        #expect(try bytes(tensor(Wire.number(1, 3) + Wire.number(2, 999) + Wire.bytes(9, [1, 2, 3, 4, 5]))) == [1, 2, 3, 4, 5])
    }

    static let refused: [(body: [UInt8], message: String)] = [
        (Wire.number(1, 2) + Wire.bytes(9, [0, 0]), "has no data_type"),
        (Wire.number(1, 2) + Wire.number(2, 0) + Wire.bytes(9, [0, 0]), "its data_type is 0 (UNDEFINED)"),
        (Wire.number(1, -4) + Wire.number(1, 4) + Wire.number(2, 1), "dims [-4, 4] hold a negative one"),
        (
            Wire.number(1, 1 << 32) + Wire.number(1, 1 << 32) + Wire.number(2, 1),
            "dims [4294967296, 4294967296] are more than 281474976710656 (2^48) elements"
        ),
        (Wire.packed(1, [Int64](repeating: 1, count: 65)) + Wire.number(2, 1), "has 65 dims, the limit is 64"),
        (Wire.number(1, 4) + Wire.number(2, 1), "has no data, dims [4] of FLOAT need 16 bytes"),
        (Wire.number(1, 4) + Wire.number(2, 1) + Wire.bytes(9, [1, 2, 3]), "raw_data has 3 bytes, dims [4] of FLOAT need 16"),
        (Wire.number(1, 3) + Wire.number(2, 22) + Wire.bytes(9, [1]), "raw_data has 1 bytes, dims [3] of INT4 need 2"),
        (
            Wire.number(1, 1) + Wire.number(2, 1) + Wire.bytes(9, [1, 2, 3, 4]) + Wire.bytes(4, Wire.floats([1])),
            "has values in raw_data and float_data, expected one of them"
        ),
        (
            Wire.number(1, 1) + Wire.number(2, 1) + Wire.packed(7, [1]),
            "is of type FLOAT, but has its values in int64_data; expected float_data or raw_data"
        ),
        (Wire.number(1, 2) + Wire.number(2, 1) + Wire.bytes(4, Wire.floats([1])), "float_data has 1 values, dims [2] of FLOAT need 2"),
        (Wire.number(1, 1) + Wire.number(2, 14) + Wire.bytes(4, Wire.floats([1])), "float_data has 1 values, dims [1] of COMPLEX64 need 2"),
        (Wire.number(1, 2) + Wire.number(2, 3) + Wire.packed(5, [1, 300]), "int32_data[1] is 300, INT8 goes from -128 to 127"),
        (Wire.number(1, 1) + Wire.number(2, 10) + Wire.packed(5, [0x10000]), "int32_data[0] is 65536, FLOAT16 goes from 0 to 65535"),
        (Wire.number(1, 1) + Wire.number(2, 27) + Wire.packed(5, [64]), "int32_data[0] is 64, FLOAT6E2M3 goes from 0 to 63"),
        (Wire.number(1, 1) + Wire.number(2, 12) + Wire.packed(11, [1 << 32]), "uint64_data[0] is 4294967296, UINT32 goes from 0 to 4294967295"),
        (
            Wire.number(1, 1) + Wire.number(2, 8) + Wire.bytes(9, [1]),
            "is of type STRING, but has its values in raw_data; expected string_data"
        ),
        (Wire.number(1, 3) + Wire.number(2, 8) + Wire.text(6, "a"), "string_data has 1 strings, dims [3] need 3"),
        (
            Wire.number(1, 1) + Wire.number(2, 999) + Wire.packed(5, [1]),
            "has values of data type 999, which this version does not know, in int32_data"
        ),
        (
            Wire.number(1, 1) + Wire.number(2, 2) + Wire.bytes(9, [1]) + Wire.bytes(3, []),
            "is a segment of a larger tensor, which no version of ONNX ever defined"
        ),
        (
            Wire.number(1, 1) + Wire.number(2, 2) + Wire.bytes(9, [1]) + Wire.number(14, 7),
            "its data_location is 7, this version knows 0 (DEFAULT) and 1 (EXTERNAL)"
        ),
    ]

    @Test(arguments: refused.indices)
    func refusesValuesThatDoNotFit(_ index: Int) throws {
        let (body, message) = Self.refused[index]
        #expect(try failure(Wire.model(tensor: body)) == "initializer 'w': " + message)
    }

    @Test func refusesInitializersWithoutAName() throws {
        let tensor = Wire.number(1, 1) + Wire.number(2, 2) + Wire.bytes(9, [1])
        let message = "initializer 0: has no name, and nothing could read it"
        #expect(try failure(Wire.model(graph: Wire.bytes(5, tensor))) == message)
        #expect(try failure(Wire.model(graph: Wire.bytes(5, tensor + Wire.text(8, "")))) == message)
    }
}

extension Encoding {
    fileprivate var isStrings: Bool {
        if case .strings = self { true } else { false }
    }
}
