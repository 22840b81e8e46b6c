import ModelGraph
import Tensors

extension Model {
    /// A model of our own, the same for ever: golden files and damage tests are made of it. Every kind of table is in it.
    static var small: Model {
        var weight = Tensor(name: "w", .float, dims: [4, 10], bytes: TensorBytes((0..<160).map { UInt8($0 * 7 % 251) }))
        weight.docString = "forty numbers"
        weight.origin = TensorOrigin(field: .external, dataLocation: 1, externalData: [KeyValue(key: "location", value: "w.bin")])
        let scalar = Tensor(name: "s", .int64, dims: [], bytes: TensorBytes([1, 2, 3, 4, 5, 6, 7, 8]))
        let ends = Tensor(.uint64, dims: [2], bytes: TensorBytes([1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]))
        let strings = Tensor(name: "t", .string, dims: [2], encoding: .strings(StringList(joined: TensorBytes([0x61, 0xff, 0x62]), ends: ends)))
        let branch = Graph(name: "branch", nodes: [Node("Identity", inputs: ["x"], outputs: ["y"])])
        let attributes = [
            Attribute("i", .int(0)), Attribute("f", .float(Float(bitPattern: 0x7fa0_0001))), Attribute("s", .string(Array("text".utf8))),
            Attribute("b", .string([0xff, 0])), Attribute("is", .ints([-1, 2])), Attribute("fs", .floats([1, -0.0])),
            Attribute("ss", .strings([[0x61], []])), Attribute("bs", .strings([[0xfe]])), Attribute("t", .tensor(scalar)),
            Attribute("g", .graph(branch)), Attribute("long", .ints((0..<70).map { $0 * $0 })),
            Attribute("tp", .type(ValueType(.sequence(.tensor(.float, [1, 2]))))), Attribute("none", .undefined, hasValue: false, hasType: false),
            Attribute("ref", .int(0), hasValue: false, referenceName: "alpha"),
            Attribute("sp", .sparseTensor(SparseTensor(values: scalar, indices: nil, dims: [5]))),
        ]
        let device = NodeDeviceConfiguration(
            configurationID: "two",
            shardingSpecs: [
                ShardingSpec(
                    tensorName: "x", devices: [0, 1], deviceGroups: [DeviceGroup(key: 7, devices: [1])],
                    shardedDims: [ShardedDim(axis: 0, shardings: [SimpleShardedDim(size: .symbol("N"), shardCount: 2)])])
            ], pipelineStage: 1)
        let nodes = [
            Node("Odd", domain: "test", name: "n0", inputs: ["x", "", "w"], outputs: ["y"], attributes: attributes, deviceConfigurations: [device]),
            Node("Relu", inputs: ["y"], outputs: ["z"], docString: "", metadata: [KeyValue(key: "k", value: "v")]),
        ]
        let input = ValueInfo(
            name: "x",
            type: ValueType(.tensor(elementType: .float, shape: Shape([Dimension(.symbol("N"), denotation: "DATA_BATCH"), Dimension(.value(10))]))))
        let graph = Graph(
            name: "g", nodes: nodes, inputs: [input], outputs: [ValueInfo(name: "z", type: ValueType(.map(key: .int64, value: nil)))],
            initializers: [weight, strings], sparseInitializers: [SparseTensor(values: nil, indices: scalar, dims: [2, 3])],
            quantizationAnnotations: [QuantizationAnnotation(tensorName: "w", parameters: [KeyValue(key: "SCALE_TENSOR", value: "s")])],
            unknownFields: [0xf8, 0x07, 0x01])
        return Model(
            irVersion: 10, opsetImports: [OpsetImport(version: 21), OpsetImport(domain: "test", version: 1)], producerName: "thimble tests",
            modelVersion: 0, graph: graph, metadata: [KeyValue(key: "licence", value: nil)],
            trainingInfo: [TrainingInfo(initialization: branch, initializationBinding: [KeyValue(key: "a", value: "b")])],
            functions: [Function(name: "F", domain: "test", inputs: ["a"], outputs: ["b"], attributeNames: ["alpha"], nodes: [Node("Relu", inputs: ["a"], outputs: ["b"])])],
            deviceConfigurations: [DeviceConfiguration(name: "two", deviceCount: 2, devices: ["cpu", "gpu"])])
    }
}
