/// The messages of `Schemas/onnx.proto`, in its order; C's `thimble_message_descriptor` counts the same way. Then those of
/// ONNX's `onnx-data.proto`, which no model holds and protobuf-c never sees.
enum MessageKind: UInt8, CaseIterable, Sendable {
    case model, graph, node, attribute, tensor, segment, sparseTensor, valueInfo
    case type, tensorType, sequenceType, mapType, opaqueType, sparseTensorType, optionalType
    case shape, dimension, operatorSet, entry, annotation, trainingInfo, function
    case deviceConfiguration, nodeDeviceConfiguration, shardingSpec, deviceGroup, shardedDim, simpleShardedDim
    case sequenceValue, mapValue, optionalValue

    /// True for the messages that make up models.
    var isPartOfModels: Bool { rawValue < Self.sequenceValue.rawValue }

    /// As ONNX spells it, without the package.
    var name: String { MessageSchema.all[Int(rawValue)].name }
}

/// What the wire format does not say of a field: its name, and what its bytes are.
struct FieldSchema: Sendable {
    enum Content: Hashable, Sendable {
        /// Any of the integer types and enumerations.
        case varint
        case float, double
        /// UTF-8.
        case string
        case bytes
        case message(MessageKind)
    }

    let number: Int
    let name: String
    let content: Content
    /// Repeated fields of numbers may be packed, whatever the schema says.
    let isRepeated: Bool
}

/// The fields of one message.
struct MessageSchema: Sendable {
    let name: String
    let fields: [FieldSchema]

    /// By `MessageKind.rawValue`.
    static let all: [MessageSchema] = MessageKind.allCases.map(schema)

    /// The highest number of a known field.
    static let highestNumber = 26
}

private func one(_ number: Int, _ name: String, _ content: FieldSchema.Content) -> FieldSchema {
    FieldSchema(number: number, name: name, content: content, isRepeated: false)
}

private func many(_ number: Int, _ name: String, _ content: FieldSchema.Content) -> FieldSchema {
    FieldSchema(number: number, name: name, content: content, isRepeated: true)
}

private func schema(_ kind: MessageKind) -> MessageSchema {
    switch kind {
    case .model, .graph, .node, .function, .trainingInfo: structure(kind)
    case .attribute, .tensor, .segment, .sparseTensor: values(kind)
    case .deviceConfiguration, .nodeDeviceConfiguration, .shardingSpec, .deviceGroup, .shardedDim, .simpleShardedDim: devices(kind)
    case .sequenceValue, .mapValue, .optionalValue: data(kind)
    default: types(kind)
    }
}

private func structure(_ kind: MessageKind) -> MessageSchema {
    switch kind {
    case .model:
        MessageSchema(name: "ModelProto", fields: [
            one(1, "ir_version", .varint), one(2, "producer_name", .string), one(3, "producer_version", .string),
            one(4, "domain", .string), one(5, "model_version", .varint), one(6, "doc_string", .string),
            one(7, "graph", .message(.graph)), many(8, "opset_import", .message(.operatorSet)),
            many(14, "metadata_props", .message(.entry)), many(20, "training_info", .message(.trainingInfo)),
            many(25, "functions", .message(.function)), many(26, "configuration", .message(.deviceConfiguration)),
        ])
    case .graph:
        MessageSchema(name: "GraphProto", fields: [
            many(1, "node", .message(.node)), one(2, "name", .string), many(5, "initializer", .message(.tensor)),
            one(10, "doc_string", .string), many(11, "input", .message(.valueInfo)), many(12, "output", .message(.valueInfo)),
            many(13, "value_info", .message(.valueInfo)), many(14, "quantization_annotation", .message(.annotation)),
            many(15, "sparse_initializer", .message(.sparseTensor)), many(16, "metadata_props", .message(.entry)),
        ])
    case .node:
        MessageSchema(name: "NodeProto", fields: [
            many(1, "input", .string), many(2, "output", .string), one(3, "name", .string), one(4, "op_type", .string),
            many(5, "attribute", .message(.attribute)), one(6, "doc_string", .string), one(7, "domain", .string),
            one(8, "overload", .string), many(9, "metadata_props", .message(.entry)),
            many(10, "device_configurations", .message(.nodeDeviceConfiguration)),
        ])
    case .function:
        MessageSchema(name: "FunctionProto", fields: [
            one(1, "name", .string), many(4, "input", .string), many(5, "output", .string), many(6, "attribute", .string),
            many(7, "node", .message(.node)), one(8, "doc_string", .string), many(9, "opset_import", .message(.operatorSet)),
            one(10, "domain", .string), many(11, "attribute_proto", .message(.attribute)),
            many(12, "value_info", .message(.valueInfo)), one(13, "overload", .string), many(14, "metadata_props", .message(.entry)),
        ])
    default:
        MessageSchema(name: "TrainingInfoProto", fields: [
            one(1, "initialization", .message(.graph)), one(2, "algorithm", .message(.graph)),
            many(3, "initialization_binding", .message(.entry)), many(4, "update_binding", .message(.entry)),
        ])
    }
}

private func values(_ kind: MessageKind) -> MessageSchema {
    switch kind {
    case .attribute:
        MessageSchema(name: "AttributeProto", fields: [
            one(1, "name", .string), one(2, "f", .float), one(3, "i", .varint), one(4, "s", .bytes), one(5, "t", .message(.tensor)),
            one(6, "g", .message(.graph)), many(7, "floats", .float), many(8, "ints", .varint), many(9, "strings", .bytes),
            many(10, "tensors", .message(.tensor)), many(11, "graphs", .message(.graph)), one(13, "doc_string", .string),
            one(14, "tp", .message(.type)), many(15, "type_protos", .message(.type)), one(20, "type", .varint),
            one(21, "ref_attr_name", .string), one(22, "sparse_tensor", .message(.sparseTensor)),
            many(23, "sparse_tensors", .message(.sparseTensor)),
        ])
    case .tensor:
        MessageSchema(name: "TensorProto", fields: [
            many(1, "dims", .varint), one(2, "data_type", .varint), one(3, "segment", .message(.segment)),
            many(4, "float_data", .float), many(5, "int32_data", .varint), many(6, "string_data", .bytes),
            many(7, "int64_data", .varint), one(8, "name", .string), one(9, "raw_data", .bytes), many(10, "double_data", .double),
            many(11, "uint64_data", .varint), one(12, "doc_string", .string), many(13, "external_data", .message(.entry)),
            one(14, "data_location", .varint), many(16, "metadata_props", .message(.entry)),
        ])
    case .segment: MessageSchema(name: "TensorProto.Segment", fields: [one(1, "begin", .varint), one(2, "end", .varint)])
    default:
        MessageSchema(name: "SparseTensorProto", fields: [
            one(1, "values", .message(.tensor)), one(2, "indices", .message(.tensor)), many(3, "dims", .varint),
        ])
    }
}

private func types(_ kind: MessageKind) -> MessageSchema {
    switch kind {
    case .valueInfo:
        MessageSchema(name: "ValueInfoProto", fields: [
            one(1, "name", .string), one(2, "type", .message(.type)), one(3, "doc_string", .string),
            many(4, "metadata_props", .message(.entry)),
        ])
    case .type:
        MessageSchema(name: "TypeProto", fields: [
            one(1, "tensor_type", .message(.tensorType)), one(4, "sequence_type", .message(.sequenceType)),
            one(5, "map_type", .message(.mapType)), one(6, "denotation", .string), one(7, "opaque_type", .message(.opaqueType)),
            one(8, "sparse_tensor_type", .message(.sparseTensorType)), one(9, "optional_type", .message(.optionalType)),
        ])
    case .tensorType: MessageSchema(name: "TypeProto.Tensor", fields: [one(1, "elem_type", .varint), one(2, "shape", .message(.shape))])
    case .sequenceType: MessageSchema(name: "TypeProto.Sequence", fields: [one(1, "elem_type", .message(.type))])
    case .mapType: MessageSchema(name: "TypeProto.Map", fields: [one(1, "key_type", .varint), one(2, "value_type", .message(.type))])
    case .opaqueType: MessageSchema(name: "TypeProto.Opaque", fields: [one(1, "domain", .string), one(2, "name", .string)])
    case .sparseTensorType:
        MessageSchema(name: "TypeProto.SparseTensor", fields: [one(1, "elem_type", .varint), one(2, "shape", .message(.shape))])
    case .optionalType: MessageSchema(name: "TypeProto.Optional", fields: [one(1, "elem_type", .message(.type))])
    case .shape: MessageSchema(name: "TensorShapeProto", fields: [many(1, "dim", .message(.dimension))])
    case .dimension:
        MessageSchema(name: "TensorShapeProto.Dimension", fields: [
            one(1, "dim_value", .varint), one(2, "dim_param", .string), one(3, "denotation", .string),
        ])
    case .operatorSet: MessageSchema(name: "OperatorSetIdProto", fields: [one(1, "domain", .string), one(2, "version", .varint)])
    case .entry: MessageSchema(name: "StringStringEntryProto", fields: [one(1, "key", .string), one(2, "value", .string)])
    default:
        MessageSchema(name: "TensorAnnotation", fields: [
            one(1, "tensor_name", .string), many(2, "quant_parameter_tensor_names", .message(.entry)),
        ])
    }
}

private func devices(_ kind: MessageKind) -> MessageSchema {
    switch kind {
    case .deviceConfiguration:
        MessageSchema(name: "DeviceConfigurationProto", fields: [
            one(1, "name", .string), one(2, "num_devices", .varint), many(3, "device", .string),
        ])
    case .nodeDeviceConfiguration:
        MessageSchema(name: "NodeDeviceConfigurationProto", fields: [
            one(1, "configuration_id", .string), many(2, "sharding_spec", .message(.shardingSpec)), one(3, "pipeline_stage", .varint),
        ])
    case .shardingSpec:
        MessageSchema(name: "ShardingSpecProto", fields: [
            one(1, "tensor_name", .string), many(2, "device", .varint), many(3, "index_to_device_group_map", .message(.deviceGroup)),
            many(4, "sharded_dim", .message(.shardedDim)),
        ])
    case .deviceGroup: MessageSchema(name: "IntIntListEntryProto", fields: [one(1, "key", .varint), many(2, "value", .varint)])
    case .shardedDim:
        MessageSchema(name: "ShardedDimProto", fields: [one(1, "axis", .varint), many(2, "simple_sharding", .message(.simpleShardedDim))])
    default:
        MessageSchema(name: "SimpleShardedDimProto", fields: [
            one(1, "dim_value", .varint), one(2, "dim_param", .string), one(3, "num_shards", .varint),
        ])
    }
}

private func data(_ kind: MessageKind) -> MessageSchema {
    switch kind {
    case .sequenceValue:
        MessageSchema(name: "SequenceProto", fields: [
            one(1, "name", .string), one(2, "elem_type", .varint), many(3, "tensor_values", .message(.tensor)),
            many(4, "sparse_tensor_values", .message(.sparseTensor)), many(5, "sequence_values", .message(.sequenceValue)),
            many(6, "map_values", .message(.mapValue)), many(7, "optional_values", .message(.optionalValue)),
        ])
    case .mapValue:
        MessageSchema(name: "MapProto", fields: [
            one(1, "name", .string), one(2, "key_type", .varint), many(3, "keys", .varint), many(4, "string_keys", .bytes),
            one(5, "values", .message(.sequenceValue)),
        ])
    default:
        MessageSchema(name: "OptionalProto", fields: [
            one(1, "name", .string), one(2, "elem_type", .varint), one(3, "tensor_value", .message(.tensor)),
            one(4, "sparse_tensor_value", .message(.sparseTensor)), one(5, "sequence_value", .message(.sequenceValue)),
            one(6, "map_value", .message(.mapValue)), one(7, "optional_value", .message(.optionalValue)),
        ])
    }
}
