/// What flows along an edge of a graph that runs.
public indirect enum Value: Equatable, Sendable {
    case tensor(Tensor)
    case sequence([Value])
    /// Nil: the optional holds nothing.
    case optional(Value?)
    /// Of ai.onnx.ml: keys are strings (as bytes) or integers, in ascending order of the classifier's labels.
    case map([MapEntry])

    public struct MapEntry: Equatable, Sendable {
        public enum Key: Hashable, Sendable {
            case string([UInt8])
            case int(Int64)
        }

        public var key: Key
        public var value: Tensor

        public init(key: Key, value: Tensor) {
            self.key = key
            self.value = value
        }
    }

    public var tensor: Tensor? {
        if case .tensor(let tensor) = self { tensor } else { nil }
    }

    /// For messages: `FLOAT[2, 3]`, `a sequence of 4`.
    public var summary: String {
        switch self {
        case .tensor(let tensor): "\(tensor.elementType)\(tensor.dims)"
        case .sequence(let values): "a sequence of \(values.count)"
        case .optional(let value): value.map { "an optional with \($0.summary)" } ?? "an empty optional"
        case .map(let entries): "a map of \(entries.count)"
        }
    }
}
