internal import ModelGraph
internal import Tensors

/// A node as its operator sees it: attributes by name, and what is known of its inputs without running anything.
struct OperatorNode {
    let node: Node
    /// The operator set whose rules hold.
    let opset: Int64
    let facts: GraphFacts

    func int(_ name: Name) -> Int64? {
        if case .int(let value)? = value(name) { value } else { nil }
    }

    func ints(_ name: Name) -> [Int64]? {
        if case .ints(let values)? = value(name) { values } else { nil }
    }

    func string(_ name: Name) -> Name? {
        if case .string(let bytes)? = value(name) { Name(utf8: bytes) } else { nil }
    }

    func graph(_ name: Name) -> Graph? {
        if case .graph(let graph)? = value(name) { graph } else { nil }
    }

    /// Nil also for an attribute that a function's caller gives.
    private func value(_ name: Name) -> AttributeValue? {
        guard let attribute = node.attribute(name), attribute.referenceName == nil else { return nil }
        return attribute.value
    }

    /// The constant behind an input, if it is one.
    func constant(_ input: Int) -> Tensor? {
        guard input < node.inputs.count, !node.inputs[input].isEmpty else { return nil }
        return facts.constant(node.inputs[input])
    }

    /// Dims of a constant, or of a graph input whose shape is wholly known.
    func rank(ofInput input: Int) -> Int? {
        guard input < node.inputs.count, !node.inputs[input].isEmpty else { return nil }
        return facts.rank(node.inputs[input])
    }

    /// The numbers of a constant INT64 or INT32 input of at most 4,096 elements; a shape never has more.
    func constantInts(_ input: Int) -> [Int64]? {
        guard let tensor = constant(input), case .plain(let bytes) = tensor.encoding, let count = tensor.elementCount, count <= 4096,
            tensor.plainByteCount == bytes.count, tensor.elementType == .int64 || tensor.elementType == .int32
        else { return nil }
        let isWide = tensor.elementType == .int64
        return try? bytes.withBytes { bytes in
            (0..<count).map { index in
                isWide
                    ? Int64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 * index, as: Int64.self))
                    : Int64(Int32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 4 * index, as: Int32.self)))
            }
        }
    }

    /// The numbers of a constant FLOAT input, the first 1,024 of them: a million nodes may share one.
    func constantFloats(_ input: Int) -> [Float]? {
        guard let tensor = constant(input), case .plain(let bytes) = tensor.encoding, tensor.elementType == .float,
            let count = tensor.elementCount, tensor.plainByteCount == bytes.count
        else { return nil }
        let shown = min(count, 1024)
        return try? bytes.slice(0..<4 * shown).withBytes { bytes in
            (0..<shown).map {
                Float(bitPattern: UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }
}

/// Constants and known ranks of one graph's values, and of the graphs around it. Made when something first asks.
final class GraphFacts {
    private let nodes: [Node]
    private let initializers: [Tensor]
    private let inputs: [ValueInfo]
    private let outer: GraphFacts?

    init(_ graph: Graph, outer: GraphFacts?) {
        (nodes, initializers, inputs, self.outer) = (graph.nodes, graph.initializers, graph.inputs, outer)
    }

    init(_ function: Function) {
        (nodes, initializers, inputs, outer) = (function.nodes, [], [], nil)
    }

    private lazy var constants: [Name: Tensor] = {
        var result: [Name: Tensor] = [:]
        for tensor in initializers { if let name = tensor.name { result[name] = tensor } }
        for node in nodes where node.opType == "Constant" {
            guard case .tensor(let tensor)? = node.attribute("value")?.value, let output = node.outputs.first else { continue }
            result[output] = tensor
        }
        return result
    }()

    private lazy var ranks: [Name: Int] = {
        var result: [Name: Int] = [:]
        for input in inputs {
            guard let name = input.name, case .tensor(_, let shape?)? = input.type?.kind else { continue }
            result[name] = shape.rank
        }
        return result
    }()

    func constant(_ name: Name) -> Tensor? {
        constants[name] ?? outer?.constant(name)
    }

    func rank(_ name: Name) -> Int? {
        constants[name]?.dims.count ?? ranks[name] ?? outer?.rank(name)
    }
}
