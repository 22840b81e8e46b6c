import ModelGraph
import Tensors

/// A value of FLOAT elements.
func floats(_ values: [Float], dims: [Int]? = nil) -> Value { .tensor(tensor(values, dims: dims)) }

func tensor(_ values: [Float], dims: [Int]? = nil, name: Name? = nil) -> Tensor {
    let bytes = values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) } }
    return Tensor(name: name, .float, dims: dims ?? [values.count], bytes: TensorBytes(bytes))
}

func ints(_ values: [Int64], dims: [Int]? = nil, name: Name? = nil) -> Tensor {
    let bytes = values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * Int64($0))) } }
    return Tensor(name: name, .int64, dims: dims ?? [values.count], bytes: TensorBytes(bytes))
}

func truth(_ value: Bool, name: Name? = nil) -> Tensor { Tensor(name: name, .bool, dims: [], bytes: TensorBytes([value ? 1 : 0])) }

extension Value {
    /// The elements of a FLOAT tensor.
    var floats: [Float] {
        get throws {
            let bytes = try #require(tensor).plainBytes().array()
            return stride(from: 0, to: bytes.count, by: 4).map { start in
                Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) })
            }
        }
    }
}

func info(_ name: Name, _ type: ValueType? = .tensor(.float)) -> ValueInfo { ValueInfo(name: name, type: type) }

func model(_ graph: Graph, opset: Int64 = 21, functions: [Function] = []) -> Model {
    Model(irVersion: 10, opsetImports: [OpsetImport(version: opset), OpsetImport(domain: "local", version: 1)], graph: graph, functions: functions)
}

func identity(_ input: Name, _ output: Name) -> Node { Node("Identity", name: Name("copy \(output.text)"), inputs: [input], outputs: [output]) }

import Testing
