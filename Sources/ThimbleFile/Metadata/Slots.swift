/// The field numbers of `Schemas/thimble.fbs`, by table.
enum Slot {
    enum KeyValue { static let key = 0, value = 1, unknown = 2 }
    enum ValueType { static let kind = 0, elemType = 1, shape = 2, elem = 3, denotation = 4, opaqueDomain = 5, opaqueName = 6, raw = 7 }
    enum ValueInfo { static let name = 0, type = 1, docString = 2, metadata = 3, unknown = 4 }
    enum Tensor { static let name = 0, payload = 1, source = 2, docString = 3, metadata = 4, external = 5, dataLocation = 6, unknown = 7 }
    enum SparseTensor { static let values = 0, indices = 1, dims = 2, unknown = 3 }
    enum Bytes { static let data = 0 }
    enum Attribute {
        static let name = 0, type = 1, i = 2, f = 3, s = 4, sBytes = 5, ints = 6, floats = 7, strings = 8, stringsBytes = 9, t = 10, g = 11
        static let tensors = 12, graphs = 13, sparseTensor = 14, sparseTensors = 15, tp = 16, typeProtos = 17, big = 18
        static let refAttrName = 19, docString = 20, unknown = 21
        /// Those that hold values; a table has at most one of them.
        static let valueSlots = 2...18
    }
    enum Op { static let type = 0, domain = 1, overload = 2 }
    enum DeviceGroup { static let key = 0, value = 1, unknown = 2 }
    enum SimpleShardedDim { static let dim = 0, numShards = 1, unknown = 2 }
    enum ShardedDim { static let axis = 0, simpleSharding = 1, unknown = 2 }
    enum ShardingSpec { static let tensorName = 0, device = 1, deviceGroups = 2, shardedDim = 3, unknown = 4 }
    enum NodeDevice { static let configurationID = 0, shardingSpec = 1, pipelineStage = 2, unknown = 3 }
    enum Node {
        static let op = 0, inputs = 1, outputs = 2, attributes = 3, name = 4, docString = 5, metadata = 6, devices = 7, unknown = 8
    }
    enum Quantization { static let tensorName = 0, parameters = 1, unknown = 2 }
    enum Graph {
        static let name = 0, nodes = 1, inputs = 2, outputs = 3, valueInfo = 4, initializers = 5, sparseInitializers = 6
        static let quantization = 7, docString = 8, metadata = 9, unknown = 10
    }
    enum Opset { static let domain = 0, version = 1, unknown = 2 }
    enum Function {
        static let name = 0, domain = 1, overload = 2, inputs = 3, outputs = 4, attributes = 5, attributeProtos = 6, nodes = 7
        static let opsets = 8, valueInfo = 9, docString = 10, metadata = 11, unknown = 12
    }
    enum Training { static let initialization = 0, algorithm = 1, initializationBinding = 2, updateBinding = 3, unknown = 4 }
    enum Device { static let name = 0, count = 1, devices = 2, unknown = 3 }
    enum Source { static let fileName = 0, size = 1, crc32 = 2, byteExact = 3, lossy = 4 }
    enum Model {
        static let key = 0, graph = 1, irVersion = 2, opsets = 3, functions = 4, producerName = 5, producerVersion = 6, domain = 7
        static let modelVersion = 8, docString = 9, metadata = 10, training = 11, configuration = 12, source = 13, unknown = 14
    }
    enum Payload { static let dtype = 0, dims = 1, data = 2, dataInline = 3, encodingType = 4, encoding = 5 }
    enum Affine { static let bits = 0, isSigned = 1, block = 2, scale = 3, zeroPoint = 4 }
    enum Palette { static let bits = 0, block = 1, lut = 2, vector = 3 }
    enum Bitmask { static let values = 0, hintN = 1, hintM = 2, hintAxis = 3 }
    /// StringList, Gaps and Transposed: one payload id.
    enum Reference { static let payload = 0 }
    enum Root { static let requires = 0, strings = 1, ops = 2, models = 3, payloads = 4, segments = 5, chunks = 6, writer = 7, extra = 8 }
}

/// Numbers of the schema's union and enums that both directions use.
enum EncodingTag {
    static let affine: UInt8 = 1, palette: UInt8 = 2, bitmask: UInt8 = 3, stringList: UInt8 = 4, gaps: UInt8 = 5, transposed: UInt8 = 6
}

enum TypeKindNumber {
    static let none: UInt8 = 0, tensor: UInt8 = 1, sequence: UInt8 = 2, map: UInt8 = 3, optional: UInt8 = 4, sparseTensor: UInt8 = 5
    static let opaque: UInt8 = 6
}

enum DimKindNumber {
    static let unset: UInt8 = 0, value: UInt8 = 1, param: UInt8 = 2
}

/// Limits of the format that both directions keep.
enum MetadataLimit {
    static let identifier = "THM1"
    /// Bytes of the FlatBuffer that are read unless the caller says otherwise, and the most that are written.
    static let bytes = 256 << 20
    /// Tables within tables. A graph in a node's attribute takes three.
    static let tableDepth = 256
    /// Graphs within graphs.
    static let graphDepth = 64
    /// Payload id that means none.
    static let noPayload = UInt32.max
    /// Lists of more elements than this, and strings of more bytes than `inlineStringBytes`, become payloads.
    static let inlineElements = 64
    static let inlineStringBytes = 4096
}
