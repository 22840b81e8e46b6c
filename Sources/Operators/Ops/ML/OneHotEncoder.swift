package import Tensors

package enum OneHotEncoder: Inferring, Runnable {
    package static let name: Name = "OneHotEncoder"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let ints = try call.ints("cats_int64s")?.count ?? 0, count = try ints > 0 ? ints : call.strings("cats_strings")?.count ?? 0
        guard count > 0 else { throw ModelError(.invalidGraph, "has no categories; 'cats_int64s' or 'cats_strings' is needed") }
        return [Fact(.float, try call.dims(0).map { $0 + [.value(count)] })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        let categories = try categories(call)
        guard let first = categories.first else {
            throw ModelError(.invalidGraph, "has no categories; 'cats_int64s' or 'cats_strings' is needed")
        }
        let count = categories.count
        var places: [LabelKey: Int] = [:]
        for (index, category) in categories.enumerated() { places[category] = index }
        if case .string = first {
            guard x.elementType == .string else { throw ModelError(.invalidGraph, "the input is \(x.elementType), the categories are strings") }
        } else if x.elementType == .string {
            throw ModelError(.invalidGraph, "the input is STRING, the categories are integers")
        }
        let zeros = try call.bool("zeros", true)
        let dims = x.dims + [count]
        let total = try call.room(for: dims, of: .float)
        let result = try NewElements<Float>(total, filledWith: 0)
        for (index, key) in try x.labelKeys("the input").enumerated() {
            if let place = places[whole(key)] {
                result[index * count + place] = 1
            } else if !zeros {
                throw ModelError(.invalidGraph, "element \(index) of the input is none of the \(count) categories, and 'zeros' is 0")
            }
        }
        return [.tensor(result.tensor(.float, dims))]
    }

    private static func categories(_ call: Call) throws -> [LabelKey] {
        if let ints = try call.ints("cats_int64s"), !ints.isEmpty { return ints.map { .int(Int64($0)) } }
        return try (call.strings("cats_strings") ?? []).map { .string($0) }
    }

    /// Floats count as the integers that they become when cut off.
    private static func whole(_ key: LabelKey) -> LabelKey {
        guard case .float(let bits) = key, let value = Int64(exactly: Double(bitPattern: bits).rounded(.towardZero)) else { return key }
        return .int(value)
    }
}
