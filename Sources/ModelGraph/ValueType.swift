public import Tensors

/// The type of a value (`TypeProto`).
public struct ValueType: Hashable, Sendable {
    public indirect enum Kind: Hashable, Sendable {
        /// Nothing is set.
        case none
        case tensor(elementType: ElementType?, shape: Shape?)
        case sparseTensor(elementType: ElementType?, shape: Shape?)
        case sequence(ValueType?)
        case optional(ValueType?)
        case map(key: ElementType?, value: ValueType?)
        case opaque(domain: Name?, name: Name?)
        /// The whole `TypeProto` as protobuf bytes, because it holds fields that this version does not know. `denotation` is within.
        case raw([UInt8])
    }

    public var kind: Kind
    /// What the value means: "IMAGE", "DATA_BATCH" (ONNX, "Type Denotation").
    public var denotation: Name?

    public init(_ kind: Kind, denotation: Name? = nil) {
        self.kind = kind
        self.denotation = denotation
    }

    public static func tensor(_ elementType: ElementType, _ shape: Shape? = nil) -> ValueType {
        ValueType(.tensor(elementType: elementType, shape: shape))
    }
}

extension ValueType: CustomStringConvertible {
    /// `FLOAT[N, 3, 224, 224]`, `sequence(map(STRING, FLOAT))`; no brackets where the rank is unknown.
    public var description: String {
        func inner(_ type: ValueType?) -> String { type?.description ?? "?" }
        func element(_ type: ElementType?) -> String { type?.description ?? "?" }
        switch kind {
        case .none: return "?"
        case .tensor(let type, let shape): return element(type) + (shape?.description ?? "")
        case .sparseTensor(let type, let shape): return "sparse(\(element(type))\(shape?.description ?? ""))"
        case .sequence(let type): return "sequence(\(inner(type)))"
        case .optional(let type): return "optional(\(inner(type)))"
        case .map(let key, let value): return "map(\(element(key)), \(inner(value)))"
        case .opaque(let domain, let name): return "opaque(\(domain ?? ""), \(name ?? ""))"
        case .raw(let bytes): return "unknown type (\(bytes.count) bytes)"
        }
    }
}
