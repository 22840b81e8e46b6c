public import Tensors

/// A model as ONNX describes it (`ModelProto`, IR version 14), in plain values.
///
/// Optional fields are nil when the file did not set them, so that writing gives back what was read. Bytes of large tensors are
/// not copied: see `TensorBytes`. Reading a model checks that its values are whole, not that the graph obeys the specification;
/// that is what `Model.check` is for.
public struct Model: Equatable, Sendable {
    public var irVersion: Int64?
    public var opsetImports: [OpsetImport]
    public var producerName: Name?
    public var producerVersion: Name?
    public var domain: Name?
    public var modelVersion: Int64?
    public var docString: Name?
    public var graph: Graph
    public var metadata: [KeyValue]
    public var trainingInfo: [TrainingInfo]
    public var functions: [Function]
    public var deviceConfigurations: [DeviceConfiguration]
    /// Protobuf bytes of fields that this version does not know, in source order; so in every type of this module.
    public var unknownFields: [UInt8]

    public init(
        irVersion: Int64? = 14, opsetImports: [OpsetImport] = [], producerName: Name? = nil, producerVersion: Name? = nil,
        domain: Name? = nil, modelVersion: Int64? = nil, docString: Name? = nil, graph: Graph, metadata: [KeyValue] = [],
        trainingInfo: [TrainingInfo] = [], functions: [Function] = [], deviceConfigurations: [DeviceConfiguration] = [],
        unknownFields: [UInt8] = []
    ) {
        self.irVersion = irVersion
        self.opsetImports = opsetImports
        self.producerName = producerName
        self.producerVersion = producerVersion
        self.domain = domain
        self.modelVersion = modelVersion
        self.docString = docString
        self.graph = graph
        self.metadata = metadata
        self.trainingInfo = trainingInfo
        self.functions = functions
        self.deviceConfigurations = deviceConfigurations
        self.unknownFields = unknownFields
    }
}

/// The version of an operator set that a model uses (`OperatorSetIdProto`).
public struct OpsetImport: Hashable, Sendable {
    /// Nil and "" and "ai.onnx" all mean the default domain.
    public var domain: Name?
    public var version: Int64?
    public var unknownFields: [UInt8]

    public init(domain: Name? = nil, version: Int64?, unknownFields: [UInt8] = []) {
        self.domain = domain
        self.version = version
        self.unknownFields = unknownFields
    }
}

/// An operator defined in the model by a body of nodes (`FunctionProto`).
public struct Function: Equatable, Sendable {
    public var name: Name?
    public var domain: Name?
    public var overload: Name?
    public var inputs: [Name]
    public var outputs: [Name]
    /// Attributes without a default.
    public var attributeNames: [Name]
    /// Attributes with a default.
    public var attributeDefaults: [Attribute]
    public var nodes: [Node]
    public var opsetImports: [OpsetImport]
    public var valueInfos: [ValueInfo]
    public var docString: Name?
    public var metadata: [KeyValue]
    public var unknownFields: [UInt8]

    public init(
        name: Name?, domain: Name?, overload: Name? = nil, inputs: [Name] = [], outputs: [Name] = [], attributeNames: [Name] = [],
        attributeDefaults: [Attribute] = [], nodes: [Node] = [], opsetImports: [OpsetImport] = [], valueInfos: [ValueInfo] = [],
        docString: Name? = nil, metadata: [KeyValue] = [], unknownFields: [UInt8] = []
    ) {
        self.name = name
        self.domain = domain
        self.overload = overload
        self.inputs = inputs
        self.outputs = outputs
        self.attributeNames = attributeNames
        self.attributeDefaults = attributeDefaults
        self.nodes = nodes
        self.opsetImports = opsetImports
        self.valueInfos = valueInfos
        self.docString = docString
        self.metadata = metadata
        self.unknownFields = unknownFields
    }
}

/// How to train the model (`TrainingInfoProto`).
public struct TrainingInfo: Equatable, Sendable {
    public var initialization: Graph?
    public var algorithm: Graph?
    public var initializationBinding: [KeyValue]
    public var updateBinding: [KeyValue]
    public var unknownFields: [UInt8]

    public init(
        initialization: Graph? = nil, algorithm: Graph? = nil, initializationBinding: [KeyValue] = [], updateBinding: [KeyValue] = [],
        unknownFields: [UInt8] = []
    ) {
        self.initialization = initialization
        self.algorithm = algorithm
        self.initializationBinding = initializationBinding
        self.updateBinding = updateBinding
        self.unknownFields = unknownFields
    }
}
