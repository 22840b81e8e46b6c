package import Tensors

package enum ZipMap: Inferring, Runnable {
    package static let name: Name = "ZipMap"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let labels = try call.labels(ints: "classlabels_int64s", strings: "classlabels_strings")
        return [.sequence(of: .map(key: labels.type, value: Fact(.float, [])))]
    }

    /// One map per row, entries in ascending order of their keys.
    package static func run(_ call: Call) throws -> [Value?] {
        let input = try call.tensor(0)
        guard input.elementType == .float else { throw ModelError(.invalidGraph, "the input is \(input.elementType), FLOAT is needed") }
        let x = try FeatureMatrix<Float>(input)
        let keys: [Value.MapEntry.Key] =
            switch try ClassLabels(call, ints: "classlabels_int64s", strings: "classlabels_strings") {
            case .ints(let labels): labels.map { .int(Int64($0)) }
            case .strings(let labels): labels.map { .string($0) }
            }
        guard keys.count == x.columns else { throw ModelError(.invalidGraph, "has \(keys.count) labels, the input has \(x.columns) columns") }
        let order = keys.indices.sorted { isBefore(keys[$0], keys[$1]) || (keys[$0] == keys[$1] && $0 < $1) }
        // Of equal keys the last counts.
        let kept = order.indices.filter { $0 == order.count - 1 || keys[order[$0]] != keys[order[$0 + 1]] }.map { order[$0] }
        let entries = checkedMultiply(x.rows, kept.count).flatMap { checkedMultiply($0, MemoryLayout<Value.MapEntry>.stride) } ?? .max
        try call.environment.checkAllocation(entries)
        let bytes = try input.plainBytes()
        return [
            .sequence(
                (0..<x.rows).map { row in
                    .map(
                        kept.map { column in
                            let start = 4 * (row * x.columns + column)
                            return Value.MapEntry(key: keys[column], value: Tensor(.float, dims: [], bytes: bytes.slice(start..<start + 4)))
                        })
                })
        ]
    }

    private static func isBefore(_ a: Value.MapEntry.Key, _ b: Value.MapEntry.Key) -> Bool {
        switch (a, b) {
        case (.int(let x), .int(let y)): x < y
        case (.string(let x), .string(let y)): x.lexicographicallyPrecedes(y)
        case (.int, .string): true
        case (.string, .int): false
        }
    }
}
