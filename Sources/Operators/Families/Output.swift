internal import Tensors

extension Call {
    /// The number of elements of an output of those dims. Throws if no tensor may have them or if they would pass the limit of memory.
    func room(for dims: [Int], of type: ElementType) throws -> Int {
        guard let count = elementCount(of: dims) else { throw ModelError(.limit, "an output of dims \(dims) is too large for a tensor") }
        guard let bytes = checkedMultiply(count, max(8, type.bitWidth ?? 8)) else { throw ModelError(.limit, "an output of dims \(dims) is too large") }
        try environment.checkAllocation(bytes / 8)
        return count
    }

    /// A STRING output that repeats strings of `table`, the one at `picks[i]` as element `i`.
    func strings(_ table: [[UInt8]], at picks: [Int], dims: [Int]) throws -> Tensor {
        var total = try room(for: dims, of: .uint64)
        for pick in picks {
            guard let sum = checkedAdd(total, table[pick].count) else { throw ModelError(.limit, "the strings of an output of dims \(dims) are too long") }
            total = sum
        }
        try environment.checkAllocation(total)
        return Tensor(.string, dims: dims, encoding: .strings(list(table, picks)))
    }

    private func list(_ table: [[UInt8]], _ picks: [Int]) -> StringList {
        var joined: [UInt8] = [], ends: [UInt64] = []
        ends.reserveCapacity(picks.count)
        for pick in picks {
            joined += table[pick]
            ends.append(UInt64(joined.count))
        }
        let bytes = unsafe ends.withUnsafeBytes { unsafe Array($0) }
        return StringList(joined: TensorBytes(joined), ends: Tensor(.uint64, dims: [picks.count], bytes: TensorBytes(bytes)))
    }
}

extension Tensor {

    /// The numbers of a float or integer tensor as `T`, rounded where `T` is narrower; `what` names it in the error.
    func numbers<T: Element & BinaryFloatingPoint>(as type: T.Type = T.self, _ what: @autoclosure () -> String) throws -> Elements<T> {
        switch elementType {
        case .float where T.self == Float.self, .double where T.self == Double.self: return try elements(as: T.self)
        case .float: return try Self.rounded(elements(as: Float.self))
        case .double: return try Self.rounded(elements(as: Double.self))
        case .int32: return try Self.rounded(elements(as: Int32.self))
        case .int64: return try Self.rounded(elements(as: Int64.self))
        case .float16, .bfloat16: return try Self.rounded(floats(what()))
        default: throw ModelError(.invalidGraph, "\(what()) is \(elementType); FLOAT, DOUBLE, INT64 or INT32 is needed")
        }
    }

    private static func rounded<S: Element & BinaryFloatingPoint, T: Element & BinaryFloatingPoint>(_ source: Elements<S>) throws -> Elements<T> {
        let result = try NewElements<T>(source.count)
        for index in 0..<source.count { result[index] = T(source[index]) }
        return try result.finished
    }

    private static func rounded<S: Element & BinaryInteger, T: Element & BinaryFloatingPoint>(_ source: Elements<S>) throws -> Elements<T> {
        let result = try NewElements<T>(source.count)
        for index in 0..<source.count { result[index] = T(source[index]) }
        return try result.finished
    }
}
