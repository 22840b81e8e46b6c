package import Tensors

package enum DictVectorizer: Inferring, Runnable {
    package static let name: Name = "DictVectorizer"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let fact = try call.fact(0), width = try call.strings("string_vocabulary").flatMap { $0.isEmpty ? nil : $0.count } ?? call.ints("int64_vocabulary")?.count
        let columns = width.map(Dim.value) ?? .unknown
        switch fact.kind {
        case .map(_, let value): return [Fact(value.elementType, [1, columns])]
        case .sequence(let element):
            guard case .map(_, let value) = element.kind else { return [Fact(nil, [.unknown, columns])] }
            return [Fact(value.elementType, [.unknown, columns])]
        default: return [Fact(nil, [.unknown, columns])]
        }
    }

    /// [1, vocabulary] for a map, [maps, vocabulary] for a sequence of them. Keys outside the vocabulary are passed over, as in ONNX Runtime.
    package static func run(_ call: Call) throws -> [Value?] {
        let value = try call.value(0)
        let maps: [[Value.MapEntry]] =
            switch value {
            case .map(let entries): [entries]
            case .sequence(let values):
                try values.map {
                    guard case .map(let entries) = $0 else { throw ModelError(.invalidGraph, "the input holds \($0.summary), a map is needed") }
                    return entries
                }
            default: throw ModelError(.invalidGraph, "the input is \(value.summary), a map is needed")
            }
        let vocabulary = try vocabulary(call)
        var places: [Value.MapEntry.Key: Int] = [:]
        for (index, key) in vocabulary.enumerated() { places[key] = index }
        let dims = [maps.count, vocabulary.count]
        let type = maps.lazy.compactMap(\.first).first?.value.elementType ?? .float
        for entry in maps.joined() where entry.value.elementType != type || entry.value.elementCount != 1 {
            throw ModelError(.invalidGraph, "a map has the value \(entry.value.elementType)\(entry.value.dims), one element of \(type) is needed")
        }
        switch type {
        case .float: return [.tensor(try fill(maps, places, dims, type, call, Float(0)))]
        case .double: return [.tensor(try fill(maps, places, dims, type, call, Double(0)))]
        case .int64: return [.tensor(try fill(maps, places, dims, type, call, Int64(0)))]
        case .string: return [.tensor(try fillStrings(maps, places, dims, call))]
        default: throw ModelError(.invalidGraph, "the map has values of \(type); FLOAT, DOUBLE, INT64 or STRING is needed")
        }
    }

    private static func vocabulary(_ call: Call) throws -> [Value.MapEntry.Key] {
        if let strings = try call.strings("string_vocabulary"), !strings.isEmpty { return strings.map { .string($0) } }
        return try call.required("int64_vocabulary", call.ints("int64_vocabulary")).map { .int(Int64($0)) }
    }

    private static func fill<T: Element>(
        _ maps: [[Value.MapEntry]], _ places: [Value.MapEntry.Key: Int], _ dims: [Int], _ type: ElementType, _ call: Call, _ zero: T
    ) throws -> Tensor {
        let result = try NewElements<T>(call.room(for: dims, of: type), filledWith: zero)
        for (row, map) in maps.enumerated() {
            for entry in map {
                if let place = places[entry.key] { result[row * dims[1] + place] = try entry.value.elements(as: T.self)[0] }
            }
        }
        return result.tensor(type, dims)
    }

    private static func fillStrings(
        _ maps: [[Value.MapEntry]], _ places: [Value.MapEntry.Key: Int], _ dims: [Int], _ call: Call
    ) throws -> Tensor {
        var picks = [Int](repeating: 0, count: try call.room(for: dims, of: .uint64)), table: [[UInt8]] = [[]]
        for (row, map) in maps.enumerated() {
            for entry in map {
                guard let place = places[entry.key] else { continue }
                picks[row * dims[1] + place] = table.count
                table += try entry.value.stringElements("a value")
            }
        }
        return try call.strings(table, at: picks, dims: dims)
    }
}
