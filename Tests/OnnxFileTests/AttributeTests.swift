import ModelGraph
@testable import OnnxFile
import Tensors
import Testing

@Suite struct AttributeTests {
    private func attribute(_ body: [UInt8]) throws -> Attribute {
        let contents = try read(Wire.model(attribute: body))
        #expect(try OnnxFile.serialization(of: contents.model, equals: contents.file))
        return contents.model.graph.nodes[0].attributes[0]
    }

    @Test func takesEveryType() throws {
        let tensor = Wire.number(2, 2) + Wire.bytes(9, [7]), graph = Wire.text(2, "inner"), type = Wire.bytes(1, Wire.number(1, 1))
        let sparse = Wire.bytes(1, tensor) + Wire.number(3, 5)
        #expect(try attribute(Wire.key(2, 5) + Wire.floats([1.5]) + Wire.number(20, 1)).value == .float(1.5))
        #expect(try attribute(Wire.number(3, -4) + Wire.number(20, 2)).value == .int(-4))
        #expect(try attribute(Wire.bytes(4, [0xff, 0]) + Wire.number(20, 3)).value == .string([0xff, 0]))
        #expect(try attribute(Wire.bytes(5, tensor) + Wire.number(20, 4)).value.typeName == "TENSOR")
        #expect(try attribute(Wire.bytes(6, graph) + Wire.number(20, 5)).value == .graph(Graph(name: "inner")))
        let floats = [Float(1), 2].flatMap { Wire.key(7, 5) + Wire.floats([$0]) }
        #expect(try attribute(floats + Wire.number(20, 6)).value == .floats([1, 2]))
        #expect(try attribute(Wire.number(8, 1) + Wire.number(8, -1) + Wire.number(20, 7)).value == .ints([1, -1]))
        #expect(try attribute(Wire.bytes(9, [1]) + Wire.bytes(9, []) + Wire.number(20, 8)).value == .strings([[1], []]))
        #expect(try attribute(Wire.bytes(10, tensor) + Wire.bytes(10, tensor) + Wire.number(20, 9)).value.typeName == "TENSORS")
        #expect(try attribute(Wire.bytes(11, graph) + Wire.bytes(11, []) + Wire.number(20, 10)).value == .graphs([Graph(name: "inner"), Graph()]))
        #expect(try attribute(Wire.number(20, 11) + Wire.bytes(22, sparse)).value.typeName == "SPARSE_TENSOR")
        #expect(try attribute(Wire.number(20, 12) + Wire.bytes(23, sparse)).value.typeName == "SPARSE_TENSORS")
        let float = ValueType(.tensor(elementType: .float, shape: nil))
        #expect(try attribute(Wire.bytes(14, type) + Wire.number(20, 13)).value == .type(float))
        #expect(try attribute(Wire.bytes(15, type) + Wire.number(20, 14)).value == .types([float]))
    }

    @Test func keepsWhatWasNotSaid() throws {
        let empty = try attribute(Wire.number(20, 2))
        #expect(empty.value == .int(0) && !empty.hasValue && empty.hasType)
        let none = try attribute(Wire.number(20, 0))
        #expect(none.value == .undefined && !none.hasValue)
        let list = try attribute(Wire.number(20, 7))
        #expect(list.value == .ints([]))
        let reference = try attribute(Wire.number(20, 4) + Wire.text(21, "outer"))
        #expect(reference.referenceName == "outer" && !reference.hasValue && reference.value.typeName == "TENSOR")
    }

    @Test func infersAMissingTypeAndSaysSo() throws {
        let contents = try read(Wire.model(attribute: Wire.number(3, 5)))
        let attribute = contents.model.graph.nodes[0].attributes[0]
        #expect(attribute.value == .int(5) && !attribute.hasType)
        #expect(contents.warnings.map(\.description) == ["node 'n' (Op): attribute 'a': has no type; taken as INT because of its value"])
        #expect(try OnnxFile.serialization(of: contents.model, equals: contents.file))
        // Before IR 2 there was no type to say.
        let old = Wire.number(1, 1) + Wire.model(attribute: Wire.number(3, 5)).dropFirst(2)
        #expect(try read(old).warnings.isEmpty)
    }

    static let refused: [(body: [UInt8], message: String)] = [
        (Wire.key(2, 5) + Wire.floats([1]) + Wire.number(3, 1) + Wire.number(20, 1), "has values in f and i, expected one, as it is of type FLOAT"),
        (Wire.key(7, 5) + Wire.floats([1]) + Wire.number(20, 7), "is of type INTS, but has its value in floats"),
        (Wire.key(2, 5) + Wire.floats([1]) + Wire.number(3, 1), "has values in f and i, expected one"),
        (Wire.number(3, 1) + Wire.number(20, 77), "is of type 77, this version knows 0 to 14"),
        (Wire.number(20, 4), "is of type TENSOR, but has no value"),
        (Wire.number(20, 5), "is of type GRAPH, but has no value"),
        (Wire.bytes(5, Wire.number(1, 2) + Wire.number(2, 1)) + Wire.number(20, 4), "has no data, dims [2] of FLOAT need 8 bytes"),
    ]

    @Test(arguments: refused.indices)
    func refusesValuesThatDoNotFitTheType(_ index: Int) throws {
        #expect(try failure(Wire.model(attribute: Self.refused[index].body)) == "node 'n' (Op): attribute 'a': " + Self.refused[index].message)
    }

    @Test func refusesNodesWithoutAnOperatorAndAttributesWithoutAName() throws {
        #expect(try failure(Wire.model(graph: Wire.bytes(1, Wire.text(3, "n")))) == "node 0 'n': has no op_type")
        let nameless = Wire.text(4, "Op") + Wire.text(2, "y") + Wire.bytes(5, Wire.number(3, 1))
        #expect(try failure(Wire.model(graph: Wire.bytes(1, nameless))) == "node that makes 'y' (Op): attribute 0: has no name")
    }
}
