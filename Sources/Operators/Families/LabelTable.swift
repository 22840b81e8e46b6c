internal import ModelGraph
internal import Tensors

/// An element as a key to look up. Floats are keys by value: all NaNs are one key, and so are both zeros.
enum LabelKey: Hashable {
    case string([UInt8])
    case int(Int64)
    case float(UInt64)

    init(_ value: Double) { self = .float((value.isNaN ? .nan : value == 0 ? 0 : value).bitPattern) }
}

extension Tensor {
    /// The elements as keys. `what` names the tensor in the error.
    func labelKeys(_ what: @autoclosure () -> String) throws -> [LabelKey] {
        switch elementType {
        case .string: return try stringElements(what()).map { .string($0) }
        case .int64: return try elements(as: Int64.self).map { .int($0) }
        case .int32: return try elements(as: Int32.self).map { .int(Int64($0)) }
        case .int16: return try elements(as: Int16.self).map { .int(Int64($0)) }
        case .float: return try elements(as: Float.self).map { LabelKey(Double($0)) }
        case .double: return try elements(as: Double.self).map { LabelKey($0) }
        default: throw ModelError(.invalidGraph, "\(what()) is \(elementType); STRING, INT64, INT32, INT16, FLOAT or DOUBLE is needed")
        }
    }

    /// A vector of strings.
    static func stringVector(_ strings: [[UInt8]]) -> Tensor {
        Tensor(.string, dims: [strings.count], encoding: .strings(StringList(strings)))
    }
}

/// Replaces each element of a tensor by the value that stands beside its key.
struct LabelTable {
    private let keyType: ElementType
    private var places: [LabelKey: Int] = [:]
    private let values: Tensor
    private let standard: Tensor

    /// Vectors of as many keys and values; of equal keys the last counts. `standard`, one element, is for what is no key.
    init(keys: Tensor, values: Tensor, standard: Tensor) throws {
        guard keys.elementCount == values.elementCount else {
            throw ModelError(.invalidGraph, "has \(keys.elementCount ?? 0) keys and \(values.elementCount ?? 0) values; as many are needed")
        }
        guard standard.elementType == values.elementType, standard.elementCount == 1 else {
            throw ModelError(.invalidGraph, "the default is \(standard.elementType)\(standard.dims), one element of \(values.elementType) is needed")
        }
        keyType = keys.elementType
        (self.values, self.standard) = (values, standard)
        for (index, key) in try keys.labelKeys("the list of keys").enumerated() { places[key] = index }
    }

    /// Without `findsNaN` a NaN is no key, whatever the list of keys has.
    func map(_ x: Tensor, _ call: Call, findsNaN: Bool = true) throws -> Tensor {
        guard x.elementType == keyType else { throw ModelError(.invalidGraph, "the input is \(x.elementType), the keys are \(keyType)") }
        let count = values.elementCount ?? 0
        let nan = LabelKey(.nan)
        let picks = try x.labelKeys("the input").map { !findsNaN && $0 == nan ? count : places[$0] ?? count }
        if values.elementType == .string {
            return try call.strings(values.stringElements("the values") + standard.stringElements("the default"), at: picks, dims: x.dims)
        }
        _ = try call.room(for: x.dims, of: values.elementType)
        switch values.elementType.bitWidth {
        case 16: return try pick(picks, x.dims, UInt16.self)
        case 32: return try pick(picks, x.dims, UInt32.self)
        case 64: return try pick(picks, x.dims, UInt64.self)
        default: throw ModelError(.unsupported, "the values are \(values.elementType); STRING, INT64, INT32, INT16, FLOAT or DOUBLE is needed")
        }
    }

    private func pick<T: Element>(_ picks: [Int], _ dims: [Int], _: T.Type) throws -> Tensor {
        let table = try Array(values.elements(as: T.self)) + Array(standard.elements(as: T.self))
        let result = try NewElements<T>(picks.count)
        for (index, pick) in picks.enumerated() { result[index] = table[pick] }
        return result.tensor(values.elementType, dims)
    }
}

extension Call {
    /// The attribute `default_string`, any bytes.
    func standardLabel() throws -> Tensor {
        guard let attribute = node.attribute("default_string") else { return .stringVector([Array("_Unused".utf8)]) }
        guard case .string(let bytes) = attribute.value else {
            throw ModelError(.invalidGraph, "attribute 'default_string' is \(attribute.value.typeName), STRING is needed")
        }
        return .stringVector([bytes])
    }
}
