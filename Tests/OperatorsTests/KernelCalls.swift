import ModelGraph
import Tensors

@testable import Operators

/// What runs around one kernel in a test: no graphs, a limit of 64 MB.
final class KernelEnvironment: RunEnvironment {
    let threads = 1
    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] { throw ModelError(.internalFault, "no graph here") }
    func countTrip() throws {}
    func nextRandom() -> UInt64 { 4 }
    func checkAllocation(_ byteCount: Int) throws {
        if byteCount > 64 << 20 { throw ModelError(.limit, "\(byteCount) bytes, 64 MB are the limit") }
    }
}

/// The outputs of an operator's kernel.
func outputs(
    _ op: any Runnable.Type, _ inputs: [Tensor?], _ attributes: [Name: AttributeValue] = [:], opset: Int = 22, outputs count: Int = 1
) throws -> [Tensor] {
    let node = Node(
        op.name, domain: op.domain, inputs: inputs.indices.map { inputs[$0] == nil ? "" : Name("x\($0)") }, outputs: (0..<count).map { Name("y\($0)") },
        attributes: attributes.sorted { $0.key < $1.key }.map { Attribute($0.key, $0.value) })
    let call = Call(node: node, opset: opset, inputs: inputs.map { $0.map(Value.tensor) }, environment: KernelEnvironment())
    return try op.run(call).compactMap { $0?.tensor }
}

func output(_ op: any Runnable.Type, _ inputs: [Tensor?], _ attributes: [Name: AttributeValue] = [:], opset: Int = 22) throws -> Tensor {
    try outputs(op, inputs, attributes, opset: opset)[0]
}

/// What the kernel says against its inputs.
func refusal(_ op: any Runnable.Type, _ inputs: [Tensor?], _ attributes: [Name: AttributeValue] = [:], opset: Int = 22) throws -> String? {
    do {
        _ = try output(op, inputs, attributes, opset: opset)
        return nil
    } catch let error as ModelError {
        return error.message
    }
}

extension Tensor {
    static func of<T: Element>(_ values: [T], _ dims: [Int]? = nil, _ type: ElementType) throws -> Tensor {
        try NewElements(values).tensor(type, dims ?? [values.count])
    }

    static func of(_ values: [Float], _ dims: [Int]? = nil) throws -> Tensor { try of(values, dims, .float) }
    static func of(_ values: [Int32], _ dims: [Int]? = nil) throws -> Tensor { try of(values, dims, .int32) }
    static func of(_ values: [Int64], _ dims: [Int]? = nil) throws -> Tensor { try of(values, dims, .int64) }

    func values<T: Element>(_ type: T.Type) throws -> [T] { Array(try elements(as: T.self)) }
}
