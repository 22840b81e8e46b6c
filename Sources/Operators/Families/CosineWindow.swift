internal import ModelGraph
internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Windows that are sums of cosines: Σ weights[j]·cos(2πj·n/N).
enum CosineWindow {
    static func run(_ call: Call, _ weights: [Double]) throws -> [Value?] {
        guard let size = try call.ints(0)?.first, size >= 0, size <= 1 << 31 else { throw ModelError(.invalidGraph, "the size is no number of 0 to 2^31") }
        let period = Double(try call.bool("periodic", true) ? size : size - 1)
        let values = try call.newElements([size], Double.self)
        for n in 0..<size {
            values[n] = weights.enumerated().reduce(0) { $0 + $1.element * cos(2 * .pi * Double($1.offset * n) / max(period, 1)) }
        }
        return [.tensor(try numbers(call, values, [size]))]
    }

    /// Numbers as the type that `output_datatype` names.
    static func numbers(_ call: Call, _ values: NewElements<Double>, _ dims: [Int]) throws -> Tensor {
        let type = ElementType(rawValue: Int32(truncatingIfNeeded: try call.int("output_datatype", 1)))
        func integers<T: FixedWidthInteger & Element>(_: T.Type) throws -> Tensor {
            let result = try NewElements<T>(values.count)
            for index in 0..<values.count { result[index] = T(clamping: Int64(values[index])) }
            return result.tensor(type, dims)
        }
        switch type {
        case .float, .double, .float16, .bfloat16: return try Double.store(values, as: type, dims)
        case .int8: return try integers(Int8.self)
        case .int16: return try integers(Int16.self)
        case .int32: return try integers(Int32.self)
        case .int64: return try integers(Int64.self)
        case .uint8: return try integers(UInt8.self)
        case .uint16: return try integers(UInt16.self)
        case .uint32: return try integers(UInt32.self)
        case .uint64: return try integers(UInt64.self)
        default: throw ModelError(.invalidGraph, "'output_datatype' is \(type), a type of numbers is needed")
        }
    }
}
