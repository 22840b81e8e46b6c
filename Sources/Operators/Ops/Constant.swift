internal import ModelGraph
package import Tensors

package enum Constant: Checkable, Inferring {
    package static let name: Name = "Constant"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        let given = node.node.attributes.filter { $0.name != nil }
        if node.opset >= 11, given.count != 1 {
            report.error("has \(counted(given.count, "attribute")), a Constant has one: its value")
        }
    }
}

extension Constant: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        for attribute in call.node.attributes {
            switch (attribute.name?.text, attribute.value) {
            case ("value", .tensor(let tensor)): return [Fact(constant: tensor)]
            case ("sparse_value", .sparseTensor(let sparse)): return [Fact(sparse.values?.elementType, fixed: sparse.dims)]
            case ("value_float", .float(let value)): return [Fact(constant: try NewElements([value]).tensor(.float, []))]
            case ("value_floats", .floats(let values)): return [Fact(constant: try NewElements(values).tensor(.float, [values.count]))]
            case ("value_int", .int(let value)): return [Fact(constant: try NewElements([value]).tensor(.int64, []))]
            case ("value_ints", .ints(let values)): return [Fact(constant: try NewElements(values).tensor(.int64, [values.count]))]
            case ("value_string", .string(let value)): return [Fact(constant: .strings([value], dims: []))]
            case ("value_strings", .strings(let values)): return [Fact(constant: .strings(values, dims: [values.count]))]
            default: continue
            }
        }
        throw ModelError(.invalidGraph, "has no attribute with its value")
    }

    package static func run(_ call: Call) throws -> [Value?] {
        for attribute in call.node.attributes {
            switch (attribute.name?.text, attribute.value) {
            case ("value", .tensor(let tensor)): return [.tensor(tensor)]
            case ("sparse_value", .sparseTensor(let sparse)): return [.tensor(try sparse.dense(call))]
            case ("value_float", .float(let value)): return [.tensor(try NewElements([value]).tensor(.float, []))]
            case ("value_floats", .floats(let values)): return [.tensor(try NewElements(values).tensor(.float, [values.count]))]
            case ("value_int", .int(let value)): return [.tensor(try NewElements([value]).tensor(.int64, []))]
            case ("value_ints", .ints(let values)): return [.tensor(try NewElements(values).tensor(.int64, [values.count]))]
            case ("value_string", .string(let value)): return [.tensor(.strings([value], dims: []))]
            case ("value_strings", .strings(let values)): return [.tensor(.strings(values, dims: [values.count]))]
            default: continue
            }
        }
        throw ModelError(.invalidGraph, "has no attribute with its value")
    }
}

extension SparseTensor {
    /// All elements, if the stated limit of memory lets them be.
    fileprivate func dense(_ call: Call) throws -> Tensor {
        guard let count = elementCount(of: dims), let type = values?.elementType, let size = type.byteCount(elements: count) else {
            throw ModelError(.invalidGraph, "sparse_value has no values of a size, or the dims \(dims) are too large")
        }
        try call.environment.checkAllocation(size)
        return try dense(maximumBytes: size)
    }
}
