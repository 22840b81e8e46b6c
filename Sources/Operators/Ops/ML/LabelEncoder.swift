package import Tensors

package enum LabelEncoder: Inferring, Runnable {
    package static let name: Name = "LabelEncoder"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let x = try call.tensor(0)
        if try call.opset < 2 || call.strings("classes_strings") != nil { return [Fact(x.elementType.map { $0 == .string ? .int64 : .string }, x.dims)] }
        let strings = try call.strings("values_strings")?.isEmpty == false, ints = try call.ints("values_int64s")?.isEmpty == false
        let floats = try call.floats("values_floats")?.isEmpty == false
        return [Fact(try strings ? .string : ints ? .int64 : floats ? .float : call.tensor("values_tensor")?.elementType, x.dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        if try call.opset < 2 || call.strings("classes_strings") != nil { return [.tensor(try first(x, call))] }
        guard let keys = try list("keys", call) else { throw ModelError(.invalidGraph, "has no keys; 'keys_int64s' or another list is needed") }
        guard let values = try list("values", call) else {
            throw ModelError(.invalidGraph, "has no values; 'values_int64s' or another list is needed")
        }
        return [.tensor(try LabelTable(keys: keys, values: values, standard: standard(values.elementType, call)).map(x, call, findsNaN: call.opset >= 4))]
    }

    /// Version 1: strings to their indices, and back.
    private static func first(_ x: Tensor, _ call: Call) throws -> Tensor {
        let strings = Tensor.stringVector(try call.required("classes_strings", call.strings("classes_strings")))
        let indices = try Tensor.int64(Array(0..<(strings.elementCount ?? 0)))
        let forward = x.elementType == .string
        let standard = try standard(forward ? .int64 : .string, call)
        return try LabelTable(keys: forward ? strings : indices, values: forward ? indices : strings, standard: standard).map(x, call)
    }

    /// The list that the node has, as a vector.
    private static func list(_ kind: String, _ call: Call) throws -> Tensor? {
        if let strings = try call.strings(Name(kind + "_strings")), !strings.isEmpty { return .stringVector(strings) }
        if let ints = try call.ints(Name(kind + "_int64s")), !ints.isEmpty { return try .int64(ints) }
        if let floats = try call.floats(Name(kind + "_floats")), !floats.isEmpty { return try NewElements(floats).tensor(.float, [floats.count]) }
        return try call.tensor(Name(kind + "_tensor"))
    }

    private static func standard(_ type: ElementType, _ call: Call) throws -> Tensor {
        if let tensor = try call.tensor("default_tensor"), tensor.elementType == type { return tensor }
        switch type {
        case .string: return try call.standardLabel()
        case .int64: return try NewElements([Int64(call.int("default_int64", -1))]).tensor(.int64, [1])
        case .int32: return try NewElements<Int32>([-1]).tensor(.int32, [1])
        case .int16: return try NewElements<Int16>([-1]).tensor(.int16, [1])
        case .double: return try NewElements<Double>([-0.0]).tensor(.double, [1])
        default: return try NewElements([call.float("default_float", -0.0)]).tensor(.float, [1])
        }
    }
}
