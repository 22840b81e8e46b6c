import ModelGraph
import Tensors
import TestSupport
import Testing

@testable import Operators

struct MovementTests {
    private func run(_ op: any Runnable.Type, _ inputs: [Value?], _ attributes: [Attribute] = [], opset: Int = 21, outputs: Int = 1) throws -> [Value?] {
        let node = Node(op.name, outputs: (0..<outputs).map { Name("y\($0)") }, attributes: attributes)
        return try op.run(Call(node: node, opset: opset, inputs: inputs, environment: HostileEnvironment(SeededRandom(seed: 1))))
    }

    private func tensor(_ result: [Value?], _ index: Int = 0) throws -> Tensor { try #require(result[index]?.tensor) }

    private func texts(_ tensor: Tensor) throws -> [String] { try tensor.stringElements().map { String(decoding: $0, as: UTF8.self) } }

    @Test func shapesChangeWithoutACopy() throws {
        let data = try NewElements<Float>((0..<24).map { Float($0) }).tensor(.float, [2, 3, 4])
        func address(_ tensor: Tensor) throws -> Int? {
            guard case .plain(let bytes) = tensor.encoding else { return nil }
            return try bytes.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
        }
        let results = try [
            run(Reshape.self, [.tensor(data), .tensor(.int64([4, -1]))]), run(Flatten.self, [.tensor(data)]),
            run(Unsqueeze.self, [.tensor(data), .tensor(.int64([0]))]), run(Squeeze.self, [.tensor(data)]),
            run(Transpose.self, [.tensor(data.reshaped([1, 2, 12]))], [Attribute("perm", .ints([1, 0, 2]))]),
        ]
        for result in results { #expect(try address(tensor(result)) == address(data)) }
    }

    @Test func textMovesLikeNumbers() throws {
        let data = Tensor.strings(["a", "é", "", "d", "e", "f"].map { Array($0.utf8) }, dims: [2, 3])
        #expect(try texts(tensor(run(Transpose.self, [.tensor(data)]))) == ["a", "d", "é", "e", "", "f"])
        #expect(try texts(tensor(run(Pad.self, [.tensor(data), .tensor(.int64([0, 1, 0, -2]))]))) == ["", "a", "", "d"])
        #expect(try texts(tensor(run(Concat.self, [.tensor(data), .tensor(data)], [Attribute("axis", .int(0))]))) == ["a", "é", "", "d", "e", "f", "a", "é", "", "d", "e", "f"])
    }

    @Test func packedElementsMoveLikeBytes() throws {
        // 1 to 6, two to a byte, the low half first.
        let data = Tensor(.uint4, dims: [2, 3], bytes: TensorBytes([0x21, 0x43, 0x65]))
        let turned = try tensor(run(Transpose.self, [.tensor(data)]))
        #expect(try turned.plainBytes().array() == [0x41, 0x52, 0x63])
        let cut = try tensor(run(SliceOperator.self, [.tensor(data), .tensor(.int64([1])), .tensor(.int64([3])), .tensor(.int64([1]))]))
        #expect(try (cut.dims, cut.plainBytes().array()) == ([2, 2], [0x32, 0x65]))
    }

    @Test func emptyAxesOfAnySizeCostNothing() throws {
        let data = Tensor(.float, dims: [1 << 40, 0], bytes: .empty)
        #expect(try tensor(run(Transpose.self, [.tensor(data)])).dims == [0, 1 << 40])
        #expect(try tensor(run(Trilu.self, [.tensor(data)])).dims == data.dims)
        #expect(try tensor(run(TopK.self, [.tensor(data), .tensor(.int64([0]))])).dims == data.dims)
        #expect(throws: ModelError.self) { try run(SplitToSequence.self, [.tensor(data)]) }
    }

    @Test(arguments: [Int.min, -4, 3, 1 << 50, Int.max]) func indicesOutsideAreRefused(index: Int) throws {
        let data = try NewElements<Float>([1, 2, 3]).tensor(.float, [3]), indices = try Tensor.int64([index])
        for op in [Gather.self, GatherElements.self] as [any Runnable.Type] {
            #expect(throws: ModelError.self, "\(op.name)") { try run(op, [.tensor(data), .tensor(indices)]) }
        }
        for op in [ScatterElements.self] as [any Runnable.Type] {
            #expect(throws: ModelError.self, "\(op.name)") { try run(op, [.tensor(data), .tensor(indices), .tensor(data.reshaped([3]))]) }
        }
    }

    @Test func resultsBeyondTheLimitOfMemoryAreRefused() throws {
        let data = try NewElements<Float>([1]).tensor(.float, [1])
        #expect(throws: ModelError.self) { try run(Expand.self, [.tensor(data), .tensor(.int64([1 << 30]))]) }
        #expect(throws: ModelError.self) { try run(Tile.self, [.tensor(data), .tensor(.int64([.max]))]) }
        #expect(throws: ModelError.self) { try run(Pad.self, [.tensor(data), .tensor(.int64([0, 1 << 40]))], [Attribute("mode", .string(Array("edge".utf8)))]) }
        #expect(throws: ModelError.self) { try run(ConstantOfShape.self, [.tensor(.int64([1 << 24, 1 << 24]))]) }
    }
}
