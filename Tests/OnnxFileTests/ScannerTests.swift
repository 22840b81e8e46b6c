import ModelGraph
@testable import OnnxFile
import Tensors
import Testing

/// What damaged protobuf is refused with: place first, then what was found and expected.
@Suite struct ScannerTests {
    static let cases: [(name: String, bytes: [UInt8], message: String)] = [
        ("a key without a value", [0x08], "byte 1: ModelProto.ir_version: a number is cut off, the file ends at byte 1"),
        ("a cut varint", [0x08, 0x08, 0x28, 0xff, 0xff], "byte 3: ModelProto.model_version: a number is cut off, the file ends at byte 5"),
        (
            "a varint of 11 bytes", [0x08] + [UInt8](repeating: 0x80, count: 10) + [1],
            "byte 1: ModelProto.ir_version: a number is longer than 10 bytes, the most that a varint here can have"
        ),
        (
            "a varint above 64 bits", [0x08] + [UInt8](repeating: 0xff, count: 9) + [2],
            "byte 1: ModelProto.ir_version: a number is longer than 10 bytes, the most that a varint here can have"
        ),
        ("a wrong wire type", [0x3a, 0] + Wire.key(1, 5), "byte 2: ModelProto.ir_version: wire type 5, expected 0"),
        ("wire type 6", [0x3a, 0] + Wire.key(99, 6), "byte 2: ModelProto field 99: wire type 6, protobuf has 0 to 5"),
        ("field 0", [0x3a, 0, 0x00, 0x01], "byte 2: ModelProto: field number 0, the lowest is 1"),
        (
            "zeros behind the model", [0x3a, 0] + [UInt8](repeating: 0, count: 64),
            "byte 2: ModelProto: field number 0: the last 64 bytes are zero, which looks like trailing padding of an unfinished download"
        ),
        (
            "a field number above the highest", [0x3a, 0] + Wire.varint(0x2000_0000 << 3),
            "byte 2: ModelProto: field number 536870912 is above 536870911, the highest of protobuf"
        ),
        (
            "a graph longer than the file", Wire.number(1, 8) + [0x3a, 10, 1],
            "byte 2: ModelProto.graph: needs 10 bytes, the file ends after 1; the file may be cut off"
        ),
        (
            "a length of 2^64-1", [0x3a] + Wire.varint(.max) + [0],
            "byte 0: ModelProto.graph: needs 18446744073709551615 bytes, the file ends after 1; the file may be cut off"
        ),
        (
            "a length in 6 bytes", [0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
            "byte 0: ModelProto.graph: a length written in 6 bytes, the limit is 5"
        ),
        (
            "a tensor longer than its graph", Wire.model(graph: [0x2a, 40, 0]),
            "byte 4: GraphProto.initializer: needs 40 bytes, its message ends after 1"
        ),
        (
            "raw_data longer than its tensor", Wire.model(graph: Wire.bytes(5, Wire.number(2, 1) + [0x4a, 64, 1, 2])),
            "byte 8: TensorProto.raw_data: needs 64 bytes, its message ends after 2"
        ),
        ("an end of group alone", [0x3a, 0] + Wire.key(99, 4), "byte 2: ModelProto field 99: ends a group that never began"),
        ("an open group", [0x3a, 0] + Wire.key(99, 3), "byte 2: ModelProto field 99: a group that never ends, the file ends at byte 4"),
        (
            "a group closed as another", [0x3a, 0] + Wire.key(99, 3) + Wire.key(98, 4),
            "byte 4: ModelProto field 98: ends group 98, but group 99 is open"
        ),
        (
            "groups 101 deep", [0x3a, 0] + (0..<101).flatMap { _ in Wire.key(99, 3) } + (0..<101).flatMap { _ in Wire.key(99, 4) },
            "byte 202: ModelProto field 99: groups nested more than 100 deep"
        ),
        ("text that is not UTF-8", [0x3a, 0] + Wire.bytes(2, [0x61, 0xff]), "byte 2: ModelProto.producer_name: 'a\\xff' is not UTF-8"),
        (
            "packed floats that end early", Wire.model(tensor: Wire.bytes(4, [1, 2, 3, 4, 5])),
            "byte 6: TensorProto.float_data: 5 bytes of packed numbers, which is no multiple of 4"
        ),
        (
            "packed doubles that end early", Wire.model(tensor: Wire.bytes(10, [1, 2, 3, 4])),
            "byte 9: TensorProto.double_data: 4 bytes of packed numbers, which is no multiple of 8"
        ),
        (
            "a packed varint that ends early", Wire.model(tensor: Wire.bytes(1, [4, 0x80])),
            "byte 6: TensorProto.dims: the last of its packed numbers is cut off at byte 10"
        ),
    ]

    @Test(arguments: cases.indices)
    func namesThePlaceOfDamage(_ index: Int) throws {
        let (name, bytes, message) = Self.cases[index]
        #expect(try failure(bytes) == message, "\(name)")
    }

    @Test func takesGroups100Deep() throws {
        let groups = (0..<100).flatMap { _ in Wire.key(99, 3) } + (0..<100).flatMap { _ in Wire.key(99, 4) }
        let model = try read([0x3a, 0] + groups).model
        #expect(model.unknownFields == groups)
    }

    @Test func mergesWhatOccursTwice() throws {
        let first = Wire.model(graph: Wire.text(2, "g") + Wire.bytes(1, Wire.text(4, "A") + Wire.text(2, "a")))
        let second = Wire.number(1, 9) + Wire.bytes(7, Wire.bytes(1, Wire.text(4, "B") + Wire.text(2, "b")) + Wire.number(99, 1))
        let model = try read(first + second).model
        #expect(model.irVersion == 9)
        #expect(model.graph.name == "g")
        #expect(model.graph.nodes.map(\.opType) == ["A", "B"])
        #expect(model.graph.unknownFields == Wire.number(99, 1))
    }

    @Test func keepsUnknownFieldsInSourceOrder() throws {
        let unknown = Wire.number(90, 3) + Wire.key(91, 3) + Wire.number(1, 5) + Wire.key(91, 4) + Wire.key(92, 5) + [1, 2, 3, 4]
            + Wire.key(93, 1) + [1, 2, 3, 4, 5, 6, 7, 8] + Wire.text(90, "x")
        let node = Wire.text(2, "y") + Wire.text(4, "Op") + unknown
        let bytes = Wire.model(graph: Wire.bytes(1, node))
        let contents = try read(bytes)
        #expect(contents.model.graph.nodes[0].unknownFields == unknown)
        #expect(try written(contents.model) == bytes)
    }

    @Test func keepsNamesWithNUL() throws {
        let bytes = Wire.model(graph: Wire.bytes(1, Wire.text(1, "a\0b") + Wire.text(2, "\0") + Wire.text(4, "Op\0")))
        let contents = try read(bytes)
        #expect(contents.model.graph.nodes[0].inputs == ["a\0b"])
        #expect(contents.model.graph.nodes[0].opType == "Op\0")
        #expect(try written(contents.model) == bytes)
    }
}
