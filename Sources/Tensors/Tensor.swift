/// A tensor: element type, dims and values, with the name and the notes that ONNX keeps beside them (`TensorProto`).
///
///     let weights = Tensor(name: "fc.weight", .float, dims: [10, 64], bytes: TensorBytes(bytes))
///
/// Values are row-major and little-endian. `encoding` says how the bytes stand for them; `.plain` is what ONNX's `raw_data` holds.
public struct Tensor: Equatable, Sendable {
    public var name: Name?
    public var elementType: ElementType
    /// Each at least 0; none for a scalar.
    public var dims: [Int]
    public var encoding: Encoding
    public var docString: Name?
    public var metadata: [KeyValue]
    /// How the ONNX file stored it; needed only to write that file again.
    public var origin: TensorOrigin

    public init(
        name: Name? = nil, _ elementType: ElementType, dims: [Int], encoding: Encoding, docString: Name? = nil, metadata: [KeyValue] = [],
        origin: TensorOrigin = TensorOrigin()
    ) {
        self.name = name
        self.elementType = elementType
        self.dims = dims
        self.encoding = encoding
        self.docString = docString
        self.metadata = metadata
        self.origin = origin
    }

    /// A tensor of plain values.
    public init(name: Name? = nil, _ elementType: ElementType, dims: [Int], bytes: TensorBytes) {
        self.init(name: name, elementType, dims: dims, encoding: .plain(bytes))
    }

    /// Product of the dims; nil if it leaves the limits (see `Tensors.elementCount(of:)`).
    public var elementCount: Int? { Tensors.elementCount(of: dims) }

    /// Bytes that the values take as plain elements, nil for strings, unknown types and beyond the limits.
    public var plainByteCount: Int? { elementCount.flatMap { elementType.byteCount(elements: $0) } }
}

/// How an ONNX file stored a tensor's values.
public struct TensorOrigin: Equatable, Sendable {
    /// The `TensorProto` field that held them; the numbers are those of the file format's `SourceField`.
    public enum Field: UInt8, Sendable {
        /// None: a tensor of no elements may have none.
        case none = 0
        case raw, floats, int32s, strings, int64s, doubles, uint64s
        /// In another file, at the place that `externalData` names.
        case external
    }

    public var field: Field
    /// `data_location` if set.
    public var dataLocation: Int32?
    /// `external_data` as the source had it. Never opened again after reading.
    public var externalData: [KeyValue]
    /// Protobuf bytes of fields that this version does not know, in source order.
    public var unknownFields: [UInt8]

    public init(field: Field = .raw, dataLocation: Int32? = nil, externalData: [KeyValue] = [], unknownFields: [UInt8] = []) {
        self.field = field
        self.dataLocation = dataLocation
        self.externalData = externalData
        self.unknownFields = unknownFields
    }
}

/// A tensor of which only some elements are stored, the rest being zero (`SparseTensorProto`).
public struct SparseTensor: Equatable, Sendable {
    /// The stored elements, `[NNZ]`. The sparse tensor's name is this tensor's.
    public var values: Tensor?
    /// Where they go: INT64, `[NNZ]` linear or `[NNZ, rank]`, ascending.
    public var indices: Tensor?
    /// Dims of the whole.
    public var dims: [Int]
    public var unknownFields: [UInt8]

    public init(values: Tensor?, indices: Tensor?, dims: [Int], unknownFields: [UInt8] = []) {
        self.values = values
        self.indices = indices
        self.dims = dims
        self.unknownFields = unknownFields
    }
}
