internal import COnnx
internal import ModelGraph
internal import Tensors

/// Metadata, operator sets and devices.
extension MessageBuilder {
    func entry(_ entry: KeyValue) throws -> UnsafeMutablePointer<Onnx__StringStringEntryProto> {
        let m = unsafe try arena.create(.entry, as: Onnx__StringStringEntryProto.self)
        unsafe (m.pointee.has_key, m.pointee.key) = unsafe try data(entry.key)
        unsafe (m.pointee.has_value, m.pointee.value) = unsafe try data(entry.value)
        unsafe try unknown(entry.unknownFields, of: .entry, in: &m.pointee.base)
        return unsafe m
    }

    func operatorSet(_ set: OpsetImport) throws -> UnsafeMutablePointer<Onnx__OperatorSetIdProto> {
        let m = unsafe try arena.create(.operatorSet, as: Onnx__OperatorSetIdProto.self)
        unsafe (m.pointee.has_domain, m.pointee.domain) = unsafe try data(set.domain)
        if let version = set.version { unsafe (m.pointee.has_version, m.pointee.version) = (1, version) }
        unsafe try unknown(set.unknownFields, of: .operatorSet, in: &m.pointee.base)
        return unsafe m
    }

    func deviceConfiguration(_ configuration: DeviceConfiguration) throws -> UnsafeMutablePointer<Onnx__DeviceConfigurationProto> {
        let m = unsafe try arena.create(.deviceConfiguration, as: Onnx__DeviceConfigurationProto.self)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(configuration.name)
        if let count = configuration.deviceCount { unsafe (m.pointee.has_num_devices, m.pointee.num_devices) = (1, count) }
        unsafe (m.pointee.n_device, m.pointee.device) = unsafe try names(configuration.devices)
        unsafe try unknown(configuration.unknownFields, of: .deviceConfiguration, in: &m.pointee.base)
        return unsafe m
    }

    func nodeDeviceConfiguration(
        _ configuration: NodeDeviceConfiguration
    ) throws -> UnsafeMutablePointer<Onnx__NodeDeviceConfigurationProto> {
        let m = unsafe try arena.create(.nodeDeviceConfiguration, as: Onnx__NodeDeviceConfigurationProto.self)
        unsafe (m.pointee.has_configuration_id, m.pointee.configuration_id) = unsafe try data(configuration.configurationID)
        let specs = configuration.shardingSpecs
        unsafe (m.pointee.n_sharding_spec, m.pointee.sharding_spec) = unsafe (specs.count, try list(specs, shardingSpec))
        if let stage = configuration.pipelineStage { unsafe (m.pointee.has_pipeline_stage, m.pointee.pipeline_stage) = (1, stage) }
        unsafe try unknown(configuration.unknownFields, of: .nodeDeviceConfiguration, in: &m.pointee.base)
        return unsafe m
    }

    private func shardingSpec(_ spec: ShardingSpec) throws -> UnsafeMutablePointer<Onnx__ShardingSpecProto> {
        let m = unsafe try arena.create(.shardingSpec, as: Onnx__ShardingSpecProto.self)
        unsafe (m.pointee.has_tensor_name, m.pointee.tensor_name) = unsafe try data(spec.tensorName)
        unsafe (m.pointee.n_device, m.pointee.device) = unsafe (spec.devices.count, try array(spec.devices))
        let groups = unsafe try list(spec.deviceGroups, deviceGroup)
        unsafe (m.pointee.n_index_to_device_group_map, m.pointee.index_to_device_group_map) = unsafe (spec.deviceGroups.count, groups)
        unsafe (m.pointee.n_sharded_dim, m.pointee.sharded_dim) = unsafe (spec.shardedDims.count, try list(spec.shardedDims, shardedDim))
        unsafe try unknown(spec.unknownFields, of: .shardingSpec, in: &m.pointee.base)
        return unsafe m
    }

    private func deviceGroup(_ group: DeviceGroup) throws -> UnsafeMutablePointer<Onnx__IntIntListEntryProto> {
        let m = unsafe try arena.create(.deviceGroup, as: Onnx__IntIntListEntryProto.self)
        if let key = group.key { unsafe (m.pointee.has_key, m.pointee.key) = (1, key) }
        unsafe (m.pointee.n_value, m.pointee.value) = unsafe (group.devices.count, try array(group.devices))
        unsafe try unknown(group.unknownFields, of: .deviceGroup, in: &m.pointee.base)
        return unsafe m
    }

    private func shardedDim(_ dim: ShardedDim) throws -> UnsafeMutablePointer<Onnx__ShardedDimProto> {
        let m = unsafe try arena.create(.shardedDim, as: Onnx__ShardedDimProto.self)
        if let axis = dim.axis { unsafe (m.pointee.has_axis, m.pointee.axis) = (1, axis) }
        unsafe (m.pointee.n_simple_sharding, m.pointee.simple_sharding) = unsafe (dim.shardings.count, try list(dim.shardings, simpleShardedDim))
        unsafe try unknown(dim.unknownFields, of: .shardedDim, in: &m.pointee.base)
        return unsafe m
    }

    private func simpleShardedDim(_ dim: SimpleShardedDim) throws -> UnsafeMutablePointer<Onnx__SimpleShardedDimProto> {
        let m = unsafe try arena.create(.simpleShardedDim, as: Onnx__SimpleShardedDimProto.self)
        switch dim.size {
        case .unknown: break
        case .value(let value):
            unsafe m.pointee.dim_case = ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_VALUE
            unsafe m.pointee.dim_value = value
        case .symbol(let name):
            unsafe m.pointee.dim_case = ONNX__SIMPLE_SHARDED_DIM_PROTO__DIM_DIM_PARAM
            unsafe m.pointee.dim_param = unsafe try data(name)
        }
        if let count = dim.shardCount { unsafe (m.pointee.has_num_shards, m.pointee.num_shards) = (1, count) }
        unsafe try unknown(dim.unknownFields, of: .simpleShardedDim, in: &m.pointee.base)
        return unsafe m
    }
}
