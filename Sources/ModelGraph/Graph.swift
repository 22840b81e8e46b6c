public import Tensors

/// Nodes and the values between them (`GraphProto`). Values are known by name; a subgraph sees the names of the graphs around it.
public struct Graph: Equatable, Sendable {
    public var name: Name?
    /// In the file's order, which the specification wants topological and some exporters do not.
    public var nodes: [Node]
    public var inputs: [ValueInfo]
    public var outputs: [ValueInfo]
    public var valueInfos: [ValueInfo]
    /// Named constants. Up to IR 3 they are listed in `inputs` too.
    public var initializers: [Tensor]
    public var sparseInitializers: [SparseTensor]
    public var quantizationAnnotations: [QuantizationAnnotation]
    public var docString: Name?
    public var metadata: [KeyValue]
    public var unknownFields: [UInt8]

    public init(
        name: Name? = nil, nodes: [Node] = [], inputs: [ValueInfo] = [], outputs: [ValueInfo] = [], valueInfos: [ValueInfo] = [],
        initializers: [Tensor] = [], sparseInitializers: [SparseTensor] = [], quantizationAnnotations: [QuantizationAnnotation] = [],
        docString: Name? = nil, metadata: [KeyValue] = [], unknownFields: [UInt8] = []
    ) {
        self.name = name
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.valueInfos = valueInfos
        self.initializers = initializers
        self.sparseInitializers = sparseInitializers
        self.quantizationAnnotations = quantizationAnnotations
        self.docString = docString
        self.metadata = metadata
        self.unknownFields = unknownFields
    }
}

/// A value's name, type and shape (`ValueInfoProto`).
public struct ValueInfo: Equatable, Sendable {
    public var name: Name?
    public var type: ValueType?
    public var docString: Name?
    public var metadata: [KeyValue]
    public var unknownFields: [UInt8]

    public init(name: Name?, type: ValueType?, docString: Name? = nil, metadata: [KeyValue] = [], unknownFields: [UInt8] = []) {
        self.name = name
        self.type = type
        self.docString = docString
        self.metadata = metadata
        self.unknownFields = unknownFields
    }
}

/// Which tensors hold the quantization parameters of a value (`TensorAnnotation`).
public struct QuantizationAnnotation: Equatable, Sendable {
    public var tensorName: Name?
    /// Keys such as SCALE_TENSOR and ZERO_POINT_TENSOR, values are tensor names.
    public var parameters: [KeyValue]
    public var unknownFields: [UInt8]

    public init(tensorName: Name?, parameters: [KeyValue], unknownFields: [UInt8] = []) {
        self.tensorName = tensorName
        self.parameters = parameters
        self.unknownFields = unknownFields
    }
}
