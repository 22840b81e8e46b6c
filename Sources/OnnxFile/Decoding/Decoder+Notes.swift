internal import COnnx
internal import ModelGraph
internal import Tensors

/// Metadata, operator sets and devices.
extension Decoder {
    @inline(never)
    func entry(_ range: Range<Int>) throws -> KeyValue {
        let (m, scan) = try unsafe message(.entry, Body(range), as: Onnx__StringStringEntryProto.self)
        return try unsafe KeyValue(key: name(m.has_key, m.key), value: name(m.has_value, m.value), unknownFields: scan.unknown)
    }

    func operatorSet(_ body: Body) throws -> OpsetImport {
        let (m, scan) = try unsafe message(.operatorSet, body, as: Onnx__OperatorSetIdProto.self)
        return try unsafe OpsetImport(
            domain: name(m.has_domain, m.domain), version: m.has_version == 0 ? nil : m.version, unknownFields: scan.unknown)
    }

    func deviceConfiguration(_ body: Body) throws -> DeviceConfiguration {
        let (m, scan) = try unsafe message(.deviceConfiguration, body, as: Onnx__DeviceConfigurationProto.self)
        return try unsafe DeviceConfiguration(
            name: name(m.has_name, m.name), deviceCount: m.has_num_devices == 0 ? nil : m.num_devices,
            devices: names(m.n_device, m.device), unknownFields: scan.unknown)
    }

    @inline(never)
    func nodeDeviceConfiguration(_ body: Body) throws -> NodeDeviceConfiguration {
        let (m, scan) = try unsafe message(.nodeDeviceConfiguration, body, as: Onnx__NodeDeviceConfigurationProto.self)
        var configuration = try unsafe NodeDeviceConfiguration(
            configurationID: name(m.has_configuration_id, m.configuration_id), shardingSpecs: [],
            pipelineStage: m.has_pipeline_stage == 0 ? nil : m.pipeline_stage, unknownFields: scan.unknown)
        try children(.nodeDeviceConfiguration, body, scan) { _, range in
            configuration.shardingSpecs.append(try shardingSpec(Body(range)))
        }
        return configuration
    }

    private func shardingSpec(_ body: Body) throws -> ShardingSpec {
        let (m, scan) = try unsafe message(.shardingSpec, body, as: Onnx__ShardingSpecProto.self)
        var spec = try unsafe ShardingSpec(
            tensorName: name(m.has_tensor_name, m.tensor_name), devices: array(m.n_device, m.device), deviceGroups: [],
            shardedDims: [], unknownFields: scan.unknown)
        try children(.shardingSpec, body, scan) { field, range in
            if field == 3 {
                spec.deviceGroups.append(try deviceGroup(Body(range)))
            } else {
                spec.shardedDims.append(try shardedDim(Body(range)))
            }
        }
        return spec
    }

    private func deviceGroup(_ body: Body) throws -> DeviceGroup {
        let (m, scan) = try unsafe message(.deviceGroup, body, as: Onnx__IntIntListEntryProto.self)
        return unsafe DeviceGroup(key: m.has_key == 0 ? nil : m.key, devices: array(m.n_value, m.value), unknownFields: scan.unknown)
    }

    private func shardedDim(_ body: Body) throws -> ShardedDim {
        let (m, scan) = try unsafe message(.shardedDim, body, as: Onnx__ShardedDimProto.self)
        var dim = unsafe ShardedDim(axis: m.has_axis == 0 ? nil : m.axis, shardings: [], unknownFields: scan.unknown)
        try children(.shardedDim, body, scan) { _, range in dim.shardings.append(try simpleShardedDim(Body(range))) }
        return dim
    }

    private func simpleShardedDim(_ body: Body) throws -> SimpleShardedDim {
        let (m, scan) = try unsafe message(.simpleShardedDim, body, as: Onnx__SimpleShardedDimProto.self)
        let size: Dimension.Size = switch unsafe m.dim_case {
        case ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_VALUE: .value(unsafe m.dim_value)
        case ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_PARAM: .symbol(try unsafe name(m.dim_param))
        default: .unknown
        }
        return unsafe SimpleShardedDim(size: size, shardCount: m.has_num_shards == 0 ? nil : m.num_shards, unknownFields: scan.unknown)
    }
}
