package import Tensors

package enum CastMap: Inferring, Runnable {
    package static let name: Name = "CastMap"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let type: ElementType = switch try call.string("cast_to", "TO_FLOAT") {
        case "TO_FLOAT": .float
        case "TO_INT64": .int64
        case "TO_STRING": .string
        case let other: throw ModelError(.invalidGraph, "'cast_to' is '\(printable(other))'; TO_FLOAT, TO_STRING or TO_INT64 is needed")
        }
        return [Fact(type, [1, try call.string("map_form", "DENSE") == "SPARSE" ? .value(call.int("max_map", 1)) : .unknown])]
    }

    /// [1, entries] or, sparse, [1, max_map].
    package static func run(_ call: Call) throws -> [Value?] {
        let value = try call.value(0)
        guard case .map(let entries) = value else { throw ModelError(.invalidGraph, "the input is \(value.summary), a map is needed") }
        let numbers = try entries.map { entry -> (key: Int64, value: Tensor) in
            guard case .int(let key) = entry.key, entry.value.elementCount == 1 else {
                throw ModelError(.invalidGraph, "a map with one element for each integer is needed")
            }
            return (key, entry.value)
        }.sorted { $0.key < $1.key }
        let form = try call.string("map_form", "DENSE")
        var places = Array(numbers.indices), count = numbers.count
        switch form {
        case "DENSE": break
        case "SPARSE":
            count = try call.int("max_map", 1)
            places = try numbers.map {
                guard let place = Int(exactly: $0.key), place >= 0, place < count else {
                    throw ModelError(.invalidGraph, "the map has the key \($0.key), 'max_map' is \(count)")
                }
                return place
            }
        default: throw ModelError(.invalidGraph, "'map_form' is '\(printable(form))'; DENSE or SPARSE is needed")
        }
        return [.tensor(try cast(numbers.map(\.value), places, count, call))]
    }

    private static func cast(_ values: [Tensor], _ places: [Int], _ count: Int, _ call: Call) throws -> Tensor {
        let to = try call.string("cast_to", "TO_FLOAT")
        let dims = [1, count]
        switch to {
        case "TO_FLOAT":
            let result = try NewElements<Float>(call.room(for: dims, of: .float), filledWith: 0)
            for (place, value) in zip(places, values) { result[place] = try number(value) }
            return result.tensor(.float, dims)
        case "TO_INT64":
            let result = try NewElements<Int64>(call.room(for: dims, of: .int64), filledWith: 0)
            for (place, value) in zip(places, values) { result[place] = try integer(value) }
            return result.tensor(.int64, dims)
        case "TO_STRING":
            var picks = [Int](repeating: 0, count: try call.room(for: dims, of: .uint64)), table = [Array("0.f".utf8)]
            for (place, value) in zip(places, values) {
                picks[place] = table.count
                table.append(try text(value))
            }
            return try call.strings(table, at: picks, dims: dims)
        default: throw ModelError(.invalidGraph, "'cast_to' is '\(printable(to))'; TO_FLOAT, TO_STRING or TO_INT64 is needed")
        }
    }

    private static func number(_ value: Tensor) throws -> Float {
        guard value.elementType == .string else { return try value.numbers(as: Float.self, "a value of the map")[0] }
        let bytes = try text(value)
        guard let number = Float(String(decoding: bytes, as: UTF8.self)) else {
            throw ModelError(.invalidGraph, "the map has the value '\(printable(utf8: bytes))', a number is needed")
        }
        return number
    }

    private static func integer(_ value: Tensor) throws -> Int64 {
        if value.elementType == .string {
            let bytes = try text(value)
            if let number = Int64(String(decoding: bytes, as: UTF8.self)) { return number }
            throw ModelError(.invalidGraph, "the map has the value '\(printable(utf8: bytes))', an integer is needed")
        }
        let float = try number(value)
        guard let number = Int64(exactly: float.rounded(.towardZero)) else { throw ModelError(.invalidGraph, "the map has the value \(float), which is no INT64") }
        return number
    }

    /// Floats with six places behind the point, as C++ prints them.
    private static func text(_ value: Tensor) throws -> [UInt8] {
        guard value.elementType != .string else { return try value.stringElements("a value of the map")[0] }
        let number = try Double(number(value))
        guard let millionths = Int64(exactly: (abs(number) * 1_000_000).rounded(.toNearestOrEven)) else { return Array("\(number)".utf8) }
        let fraction = String(millionths % 1_000_000)
        let sign = number.sign == .minus ? "-" : ""
        return Array("\(sign)\(millionths / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)".utf8)
    }
}
