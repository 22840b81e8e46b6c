package import Tensors

/// The operator; `Range` in Swift is a type of the standard library.
package enum RangeOperator: Inferring, Runnable {
    package static let name: Name = "Range"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let type = try call.commonType(0..<3), bounds = try (0..<3).map { try call.tensor($0).integers?.first ?? .unknown }
        if let type, type.isReal {
            let numbers = try (0..<3).compactMap { try call.tensor($0).constant?.number("a bound") }
            return [Fact(type, [numbers.count == 3 ? .value(try steps(numbers[0], numbers[1], numbers[2])) : .unknown])]
        }
        guard type == .int64 || type == .int32, let step = bounds[2].value, step != 0 else { return [Fact(type, [.unknown])] }
        let count = Dim.max(0, (bounds[1] - bounds[0]).ceilDiv(step))
        guard let number = count.value, number <= Fact.integerLimit, !bounds[0].isUnknown else { return [Fact(type, [count])] }
        return [Fact(type, [count], integers: (0..<number).map { bounds[0] + .value(step) * $0 })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let bounds = try (0..<3).map { try call.tensor($0) }
        let type = bounds[0].elementType
        guard bounds.allSatisfy({ $0.elementType == type && $0.elementCount == 1 }) else {
            throw ModelError(.invalidGraph, "start, limit and delta are \(bounds.map { "\($0.elementType)\($0.dims)" }), three scalars of one type are needed")
        }
        switch type {
        case .float: return [try floats(call, bounds.map { try $0.elements(as: Float.self)[0] }).tensorValue(.float)]
        case .double: return [try floats(call, bounds.map { try $0.elements(as: Double.self)[0] }).tensorValue(.double)]
        case .float16, .bfloat16:
            let values = try floats(call, bounds.map { try $0.floats("a bound")[0] })
            return [.tensor(try .rounding(values, to: type, [values.count]))]
        case .int16: return [try wholes(call, bounds, Int16.self).tensorValue(type)]
        case .int32: return [try wholes(call, bounds, Int32.self).tensorValue(type)]
        case .int64: return [try wholes(call, bounds, Int64.self).tensorValue(type)]
        default: throw ModelError(.unsupported, "cannot count in \(type)")
        }
    }
    private static func steps(_ start: Double, _ limit: Double, _ delta: Double) throws -> Int {
        let steps = ((limit - start) / delta).rounded(.up)
        guard delta != 0, steps.isFinite, steps < 0x1p48 else {
            throw ModelError(.invalidGraph, "cannot go from \(start) to \(limit) in steps of \(delta)")
        }
        return Int(max(steps, 0))
    }

    private static func floats<T: Element & BinaryFloatingPoint>(_ call: Call, _ bounds: [T]) throws -> NewElements<T> {
        let (start, limit, delta) = (bounds[0], bounds[1], bounds[2])
        let count = try steps(Double(start), Double(limit), Double(delta))
        try call.environment.checkAllocation(count * MemoryLayout<T>.size)
        let result = try NewElements<T>(count)
        for index in 0..<count { result[index] = start + T(index) * delta }
        return result
    }

    private static func wholes<T: Element & FixedWidthInteger>(_ call: Call, _ bounds: [Tensor], _ type: T.Type) throws -> NewElements<T> {
        let (start, limit, delta) = (try bounds[0].elements(as: T.self)[0], try bounds[1].elements(as: T.self)[0], try bounds[2].elements(as: T.self)[0])
        guard delta != 0 else { throw ModelError(.invalidGraph, "delta is 0, it must go on or back") }
        let isUp = delta > 0, isEmpty = isUp ? start >= limit : start <= limit
        // The distance between any two fits the unsigned type.
        let distance = isEmpty ? 0 : isUp ? UInt64(truncatingIfNeeded: Int64(limit) &- Int64(start)) : UInt64(truncatingIfNeeded: Int64(start) &- Int64(limit))
        let step = UInt64(delta.magnitude)
        let steps = distance / step + (distance % step == 0 ? 0 : 1)
        guard steps <= 1 << 48 else { throw ModelError(.limit, "\(start) to \(limit) in steps of \(delta) are too many elements") }
        try call.environment.checkAllocation(Int(steps) * MemoryLayout<T>.size)
        let result = try NewElements<T>(Int(steps))
        var value = start
        for index in 0..<result.count {
            result[index] = value
            value &+= delta
        }
        return result
    }
}

extension NewElements {
    /// A vector of all of them.
    fileprivate func tensorValue(_ type: ElementType) -> Value { .tensor(tensor(type, [count])) }
}
