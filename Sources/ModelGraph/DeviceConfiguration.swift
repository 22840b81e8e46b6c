public import Tensors

/// Devices that a model may be spread over (`DeviceConfigurationProto`).
public struct DeviceConfiguration: Equatable, Sendable {
    public var name: Name?
    public var deviceCount: Int32?
    public var devices: [Name]
    public var unknownFields: [UInt8]

    public init(name: Name?, deviceCount: Int32?, devices: [Name], unknownFields: [UInt8] = []) {
        self.name = name
        self.deviceCount = deviceCount
        self.devices = devices
        self.unknownFields = unknownFields
    }
}

/// How one node is spread over the devices of a configuration (`NodeDeviceConfigurationProto`).
public struct NodeDeviceConfiguration: Equatable, Sendable {
    public var configurationID: Name?
    public var shardingSpecs: [ShardingSpec]
    public var pipelineStage: Int32?
    public var unknownFields: [UInt8]

    public init(configurationID: Name?, shardingSpecs: [ShardingSpec], pipelineStage: Int32?, unknownFields: [UInt8] = []) {
        self.configurationID = configurationID
        self.shardingSpecs = shardingSpecs
        self.pipelineStage = pipelineStage
        self.unknownFields = unknownFields
    }
}

/// How one tensor is split or copied (`ShardingSpecProto`).
public struct ShardingSpec: Equatable, Sendable {
    public var tensorName: Name?
    public var devices: [Int64]
    public var deviceGroups: [DeviceGroup]
    public var shardedDims: [ShardedDim]
    public var unknownFields: [UInt8]

    public init(tensorName: Name?, devices: [Int64], deviceGroups: [DeviceGroup], shardedDims: [ShardedDim], unknownFields: [UInt8] = []) {
        self.tensorName = tensorName
        self.devices = devices
        self.deviceGroups = deviceGroups
        self.shardedDims = shardedDims
        self.unknownFields = unknownFields
    }
}

/// Devices behind one index (`IntIntListEntryProto`).
public struct DeviceGroup: Equatable, Sendable {
    public var key: Int64?
    public var devices: [Int64]
    public var unknownFields: [UInt8]

    public init(key: Int64?, devices: [Int64], unknownFields: [UInt8] = []) {
        self.key = key
        self.devices = devices
        self.unknownFields = unknownFields
    }
}

/// The split of one axis (`ShardedDimProto`).
public struct ShardedDim: Equatable, Sendable {
    public var axis: Int64?
    public var shardings: [SimpleShardedDim]
    public var unknownFields: [UInt8]

    public init(axis: Int64?, shardings: [SimpleShardedDim], unknownFields: [UInt8] = []) {
        self.axis = axis
        self.shardings = shardings
        self.unknownFields = unknownFields
    }
}

/// One even split (`SimpleShardedDimProto`): the size is a number, a symbol or unknown.
public struct SimpleShardedDim: Equatable, Sendable {
    public var size: Dimension.Size
    public var shardCount: Int64?
    public var unknownFields: [UInt8]

    public init(size: Dimension.Size, shardCount: Int64?, unknownFields: [UInt8] = []) {
        self.size = size
        self.shardCount = shardCount
        self.unknownFields = unknownFields
    }
}
