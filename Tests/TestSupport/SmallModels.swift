public import ModelGraph
public import Tensors

/// Models of a few nodes, made by hand.
extension Model {
    /// A healthy y = x @ w; `change` breaks it.
    public static func small(_ change: (inout Model) -> Void = { _ in }) -> Model {
        var model = Model(
            irVersion: 8, opsetImports: [OpsetImport(version: 17)],
            graph: Graph(
                name: "g", nodes: [Node("MatMul", name: "mm", inputs: ["x", "w"], outputs: ["y"])],
                inputs: [ValueInfo(name: "x", type: .tensor(.float, [1, 4]))], outputs: [ValueInfo(name: "y", type: .tensor(.float, [1, 4]))],
                initializers: [.floats("w", [4, 4], Array(repeating: 1, count: 16))]))
        change(&model)
        return model
    }

    /// The same with other nodes and initializers.
    public static func small(_ nodes: Node..., initializers: [Tensor] = []) -> Model {
        small { $0.graph.nodes = nodes; $0.graph.initializers += initializers }
    }
}

extension Tensor {
    public static func floats(_ name: Name?, _ dims: [Int], _ values: [Float]) -> Tensor {
        Tensor(name: name, .float, dims: dims, bytes: TensorBytes(values.flatMap { littleEndianBytes($0.bitPattern) }))
    }

    public static func ints(_ name: Name?, _ dims: [Int], _ values: [Int64]) -> Tensor {
        Tensor(name: name, .int64, dims: dims, bytes: TensorBytes(values.flatMap { littleEndianBytes($0) }))
    }
}

/// The bytes of a number, lowest first.
public func littleEndianBytes<I: FixedWidthInteger>(_ value: I) -> [UInt8] {
    (0..<I.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> I(8 * $0)) }
}

extension [Finding] {
    public var errors: [String] { filter { $0.severity == .error }.map(\.description) }
    public var warnings: [String] { filter { $0.severity == .warning }.map(\.description) }
}
