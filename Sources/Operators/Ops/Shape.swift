package import Tensors

/// The operator; the type `Shape` is a value's shape.
package enum ShapeOperator: Inferring, Runnable {
    package static let name: Name = "Shape"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        guard let dims = try call.fact(0).dims else { return [Fact(.int64, [.unknown])] }
        let range = try range(call, rank: dims.count)
        return [Fact(.int64, [.value(range.count)], integers: Array(dims[range]))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let dims = try call.tensor(0).dims
        return [.tensor(try .int64(Array(dims[range(call, rank: dims.count)])))]
    }

    /// The axes from `start` to `end`.
    private static func range(_ call: some AttributeReader, rank: Int) throws -> Range<Int> {
        func bound(_ value: Int) -> Int { min(max(value < 0 ? value + rank : value, 0), rank) }
        let start = bound(try call.int("start", 0))
        return start..<max(start, bound(try call.int("end", rank)))
    }
}
