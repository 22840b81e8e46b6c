public import Tensors

/// One operation of a graph (`NodeProto`).
public struct Node: Equatable, Sendable {
    /// As ONNX spells it: "Conv", "MatMul".
    public var opType: Name?
    /// Nil, "" and "ai.onnx" all mean the default domain.
    public var domain: Name?
    public var overload: Name?
    public var name: Name?
    /// An empty name is an omitted optional input.
    public var inputs: [Name]
    public var outputs: [Name]
    public var attributes: [Attribute]
    public var docString: Name?
    public var metadata: [KeyValue]
    public var deviceConfigurations: [NodeDeviceConfiguration]
    public var unknownFields: [UInt8]

    // Inlined, so that a node is made where it is to lie.
    @inlinable public init(
        _ opType: Name?, domain: Name? = nil, overload: Name? = nil, name: Name? = nil, inputs: [Name] = [], outputs: [Name] = [],
        attributes: [Attribute] = [], docString: Name? = nil, metadata: [KeyValue] = [],
        deviceConfigurations: [NodeDeviceConfiguration] = [], unknownFields: [UInt8] = []
    ) {
        self.opType = opType
        self.domain = domain
        self.overload = overload
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.docString = docString
        self.metadata = metadata
        self.deviceConfigurations = deviceConfigurations
        self.unknownFields = unknownFields
    }

    /// The attribute of that name, if the node has it.
    public func attribute(_ name: Name) -> Attribute? { attributes.index(of: name).map { attributes[$0] } }
}

extension [Attribute] {
    /// The value of the attribute of that name, if it is one of these.
    package func value(of name: Name) -> AttributeValue? { index(of: name).map { self[$0].value } }

    fileprivate func index(of name: Name) -> Int? {
        // One by one is as good as any way for a handful, and only the one that is found is copied.
        for index in indices { if let known = self[index].name, known == name { return index } }
        return nil
    }
}

extension Node {
    /// How messages call a node: `node 'conv1' (Conv)`, or by its first output where it has no name.
    public var label: String {
        let op = opType.map(\.description) ?? "no op_type"
        if let name, !name.isEmpty { return "node '\(name)' (\(op))" }
        if let output = outputs.first, !output.isEmpty { return "node that makes '\(output)' (\(op))" }
        return "unnamed node (\(op))"
    }
}
