package import Tensors

/// The operator; the type `Shape` is a value's shape.
package enum ShapeOperator: Runnable {
    package static let name: Name = "Shape"

    package static func run(_ call: Call) throws -> [Value?] {
        let dims = try call.tensor(0).dims, rank = dims.count
        func bound(_ value: Int) -> Int { min(max(value < 0 ? value + rank : value, 0), rank) }
        let start = bound(try call.int("start", 0)), end = bound(try call.int("end", rank))
        return [.tensor(try .int64(start < end ? Array(dims[start..<end]) : []))]
    }
}
