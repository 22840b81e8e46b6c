public import Tensors

/// A constant parameter of a node, or a reference to one of the function around it (`AttributeProto`).
public struct Attribute: Equatable, Sendable {
    public var name: Name?
    public var value: AttributeValue
    /// False where the file left the value's field out, as some writers do for zero and empty values, and for references.
    public var hasValue: Bool
    /// False where the file left the `type` field out (legal before IR 2); `value` then follows from the field that was set.
    public var hasType: Bool
    /// The function's attribute whose value this one takes.
    public var referenceName: Name?
    public var docString: Name?
    public var unknownFields: [UInt8]

    public init(
        _ name: Name?, _ value: AttributeValue, hasValue: Bool = true, hasType: Bool = true, referenceName: Name? = nil,
        docString: Name? = nil, unknownFields: [UInt8] = []
    ) {
        self.name = name
        self.value = value
        self.hasValue = hasValue
        self.hasType = hasType
        self.referenceName = referenceName
        self.docString = docString
        self.unknownFields = unknownFields
    }
}

/// The value of an attribute; the case is ONNX's `AttributeType`. Floats are compared by their bits, so that NaNs keep their payload.
/// Large cases are indirect: most attributes are numbers, and a model has hundreds of thousands of them.
public enum AttributeValue: Sendable {
    /// No type and no value.
    case undefined
    case float(Float)
    case int(Int64)
    /// Bytes; mostly UTF-8, but not always.
    case string([UInt8])
    indirect case tensor(Tensor)
    indirect case graph(Graph)
    indirect case sparseTensor(SparseTensor)
    indirect case type(ValueType)
    case floats([Float])
    case ints([Int64])
    case strings([[UInt8]])
    case tensors([Tensor])
    case graphs([Graph])
    case sparseTensors([SparseTensor])
    case types([ValueType])

    /// ONNX's number of the type (`AttributeProto.AttributeType`).
    public var typeNumber: Int32 {
        switch self {
        case .undefined: 0
        case .float: 1
        case .int: 2
        case .string: 3
        case .tensor: 4
        case .graph: 5
        case .floats: 6
        case .ints: 7
        case .strings: 8
        case .tensors: 9
        case .graphs: 10
        case .sparseTensor: 11
        case .sparseTensors: 12
        case .type: 13
        case .types: 14
        }
    }

    /// ONNX's names of the types; the index is the number.
    public static let typeNames = [
        "UNDEFINED", "FLOAT", "INT", "STRING", "TENSOR", "GRAPH", "FLOATS", "INTS", "STRINGS", "TENSORS", "GRAPHS", "SPARSE_TENSOR",
        "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS",
    ]

    public var typeName: String { Self.typeNames[Int(typeNumber)] }
}

extension AttributeValue {
    /// The value that an attribute of ONNX's type `typeNumber` has where the file left it out; nil for a number that is none.
    public init?(emptyOf typeNumber: Int32) {
        switch typeNumber {
        case 0: self = .undefined
        case 1: self = .float(0)
        case 2: self = .int(0)
        case 3: self = .string([])
        case 4: self = .tensor(Tensor(.undefined, dims: [], encoding: .plain(.empty), origin: TensorOrigin(field: .none)))
        case 5: self = .graph(Graph())
        case 6: self = .floats([])
        case 7: self = .ints([])
        case 8: self = .strings([])
        case 9: self = .tensors([])
        case 10: self = .graphs([])
        case 11: self = .sparseTensor(SparseTensor(values: nil, indices: nil, dims: []))
        case 12: self = .sparseTensors([])
        case 13: self = .type(ValueType(.none))
        case 14: self = .types([])
        default: return nil
        }
    }
}

extension AttributeValue: Equatable {
    public static func == (a: AttributeValue, b: AttributeValue) -> Bool {
        switch (a, b) {
        case (.undefined, .undefined): true
        case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
        case (.int(let x), .int(let y)): x == y
        case (.string(let x), .string(let y)): x == y
        case (.tensor(let x), .tensor(let y)): x == y
        case (.graph(let x), .graph(let y)): x == y
        case (.sparseTensor(let x), .sparseTensor(let y)): x == y
        case (.type(let x), .type(let y)): x == y
        case (.floats(let x), .floats(let y)): x.elementsEqual(y) { $0.bitPattern == $1.bitPattern }
        case (.ints(let x), .ints(let y)): x == y
        case (.strings(let x), .strings(let y)): x == y
        case (.tensors(let x), .tensors(let y)): x == y
        case (.graphs(let x), .graphs(let y)): x == y
        case (.sparseTensors(let x), .sparseTensors(let y)): x == y
        case (.types(let x), .types(let y)): x == y
        default: false
        }
    }
}
