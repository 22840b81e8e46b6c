package import Tensors

package enum Imputer: Inferring, Runnable {
    package static let name: Name = "Imputer"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        _ = try call.room(for: x.dims, of: x.elementType)
        switch x.elementType {
        case .float: return [.tensor(try floats(x, call, Float.self))]
        case .double: return [.tensor(try floats(x, call, Double.self))]
        case .int32: return [.tensor(try ints(x, call, Int32.self))]
        case .int64: return [.tensor(try ints(x, call, Int64.self))]
        default: throw ModelError(.invalidGraph, "the input is \(x.elementType); FLOAT, DOUBLE, INT64 or INT32 is needed")
        }
    }

    private static func floats<T: Element & BinaryFloatingPoint>(_ x: Tensor, _ call: Call, _: T.Type) throws -> Tensor {
        let values = try (call.floats("imputed_value_floats") ?? []).map { T($0) }, old = T(try call.float("replaced_value_float", 0))
        return try replace(x, values, "imputed_value_floats") { $0 == old || (old.isNaN && $0.isNaN) }
    }

    private static func ints<T: Element & FixedWidthInteger>(_ x: Tensor, _ call: Call, _: T.Type) throws -> Tensor {
        let values = try (call.ints("imputed_value_int64s") ?? []).map { value in
            guard let value = T(exactly: value) else { throw ModelError(.invalidGraph, "'imputed_value_int64s' has \(value), which is no \(x.elementType)") }
            return value
        }
        let old = T(exactly: try call.int("replaced_value_int64", 0))
        return try replace(x, values, "imputed_value_int64s") { $0 == old }
    }

    /// One value per feature, or one for all.
    @inline(__always)
    private static func replace<T: Element>(_ x: Tensor, _ values: [T], _ name: Name, _ isMissing: (T) -> Bool) throws -> Tensor {
        let features = x.dims.last ?? 1
        guard values.count == 1 || (values.count == features && features > 0) else {
            throw ModelError(.invalidGraph, "'\(name)' has \(values.count) numbers; \(x.elementType)\(x.dims) needs 1 or \(features)")
        }
        let source = try x.elements(as: T.self), result = try NewElements<T>(source.count)
        for index in 0..<source.count {
            result[index] = isMissing(source[index]) ? values[values.count == 1 ? 0 : index % features] : source[index]
        }
        return result.tensor(x.elementType, x.dims)
    }
}
