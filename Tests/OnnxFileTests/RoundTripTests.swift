import Foundation
import ModelGraph
@testable import OnnxFile
import Tensors
import TestSupport
import Testing

@Suite struct RoundTripTests {
    /// A model with every kind of message and every field set.
    static let everything: Model = {
        let unknown = Wire.number(99, 7)
        let note = [KeyValue(key: "k", value: "v", unknownFields: unknown), KeyValue(key: nil, value: nil)]
        func tensor(_ name: Name) -> Tensor {
            Tensor(
                name: name, .float16, dims: [2], encoding: .plain(TensorBytes([1, 2, 3, 4])), docString: "d", metadata: note,
                origin: TensorOrigin(field: .raw, dataLocation: 0, externalData: [KeyValue(key: "x", value: "y")], unknownFields: unknown))
        }
        let sparse = SparseTensor(values: tensor("s"), indices: Tensor(.int64, dims: [0], bytes: .empty), dims: [5], unknownFields: unknown)
        let shape = Shape([Dimension(.value(-1), denotation: "D"), Dimension(.symbol("N")), Dimension(.unknown)])
        let types: [ValueType] = [
            ValueType(.none, denotation: "what"), ValueType(.tensor(elementType: .float, shape: shape), denotation: "IMAGE"),
            ValueType(.tensor(elementType: nil, shape: nil)), ValueType(.sparseTensor(elementType: .int8, shape: Shape([]))),
            ValueType(.sequence(ValueType(.map(key: .int64, value: ValueType(.optional(nil)))))), ValueType(.map(key: nil, value: nil)),
            ValueType(.opaque(domain: "d", name: "n")), ValueType(.raw(Wire.text(6, "den") + Wire.number(98, 1))),
        ]
        func info(_ name: Name, _ type: ValueType?) -> ValueInfo { ValueInfo(name: name, type: type, docString: "", metadata: note, unknownFields: unknown) }
        let device = NodeDeviceConfiguration(
            configurationID: "c",
            shardingSpecs: [
                ShardingSpec(
                    tensorName: "x", devices: [0, -1], deviceGroups: [DeviceGroup(key: -1, devices: [2, 3], unknownFields: unknown)],
                    shardedDims: [
                        ShardedDim(
                            axis: 1,
                            shardings: [
                                SimpleShardedDim(size: .value(4), shardCount: 2), SimpleShardedDim(size: .symbol("N"), shardCount: nil),
                                SimpleShardedDim(size: .unknown, shardCount: 1, unknownFields: unknown),
                            ], unknownFields: unknown)
                    ], unknownFields: unknown)
            ], pipelineStage: 3, unknownFields: unknown)
        let inner = Graph(name: "inner", nodes: [Node("Identity", inputs: ["x"], outputs: ["y"])], docString: "d", metadata: note, unknownFields: unknown)
        let values: [AttributeValue] = [
            .undefined, .float(.nan), .int(.min), .string([0xff]), .tensor(tensor("t")), .graph(inner), .sparseTensor(sparse), .type(types[1]),
            .floats([1, -0.0]), .ints([1, .max]), .strings([[], [0]]), .tensors([tensor("t")]), .graphs([inner, Graph()]), .sparseTensors([sparse]),
            .types(types),
        ]
        var attributes = values.enumerated().map { index, value in
            Attribute(Name("a\(index)"), value, hasValue: index != 0, docString: "d", unknownFields: unknown)
        }
        attributes.append(Attribute("r", .int(0), hasValue: false, referenceName: "outer"))
        let node = Node(
            "Op", domain: "com.example", overload: "o", name: "n", inputs: ["x", "", "w"], outputs: ["y"], attributes: attributes,
            docString: "d", metadata: note, deviceConfigurations: [device], unknownFields: unknown)
        let graph = Graph(
            name: "g", nodes: [node], inputs: types.enumerated().map { info(Name("x\($0.offset)"), $0.element) }, outputs: [info("y", nil)],
            valueInfos: [info("v", types[1])], initializers: [tensor("w"), tensor("u")], sparseInitializers: [sparse],
            quantizationAnnotations: [QuantizationAnnotation(tensorName: "w", parameters: note, unknownFields: unknown)], docString: "d",
            metadata: note, unknownFields: unknown)
        let opsets = [OpsetImport(domain: "", version: 17, unknownFields: unknown), OpsetImport(domain: nil, version: nil)]
        let function = Function(
            name: "F", domain: "f", overload: "o", inputs: ["a"], outputs: ["b"], attributeNames: ["p"], attributeDefaults: attributes,
            nodes: [node, Node("Identity", inputs: ["a"], outputs: ["b"])], opsetImports: opsets, valueInfos: [info("b", types[1])],
            docString: "d", metadata: note, unknownFields: unknown)
        let training = TrainingInfo(
            initialization: inner, algorithm: graph, initializationBinding: note, updateBinding: note, unknownFields: unknown)
        return Model(
            irVersion: 14, opsetImports: opsets, producerName: "p", producerVersion: "1", domain: "d", modelVersion: -1, docString: "d",
            graph: graph, metadata: note, trainingInfo: [training, TrainingInfo()], functions: [function, Function(name: nil, domain: nil)],
            deviceConfigurations: [DeviceConfiguration(name: "c", deviceCount: 2, devices: ["a", "b"], unknownFields: unknown)],
            unknownFields: unknown)
    }()

    @Test func everyFieldComesBack() throws {
        let contents = try read(written(Self.everything))
        #expect(contents.model == Self.everything)
        #expect(try OnnxFile.serialization(of: Self.everything, equals: contents.file))
        #expect(try written(contents.model) == written(Self.everything))
    }

    @Test func valueInfoIsLeftOutForWhoDoesNotAskForIt() throws {
        let folder = try TemporaryFolder(), whole = Self.everything
        defer { withExtendedLifetime(folder) {} }
        let model = try OnnxFile.read(folder.write(written(whole)), options: OnnxFile.ReadOptions(readsValueInfo: false)).model
        #expect(!whole.graph.valueInfos.isEmpty && !whole.functions[0].valueInfos.isEmpty)
        #expect(model.graph.valueInfos.isEmpty && model.functions[0].valueInfos.isEmpty)
        #expect(model.graph.inputs == whole.graph.inputs && model.graph.outputs == whole.graph.outputs && model.graph.metadata == whole.graph.metadata)
        #expect(model.graph.initializers == whole.graph.initializers && model.graph.nodes.map(\.outputs) == whole.graph.nodes.map(\.outputs))
        #expect(model.functions[0].attributeDefaults.count == whole.functions[0].attributeDefaults.count && model.functions[0].metadata == whole.functions[0].metadata)
    }

    @Test(.enabled(if: Places.hasPython, "the tests' Python is missing"))
    func pythonReadsEveryFieldAndWritesTheSameBytes() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(written(Self.everything))
        let program = "import onnx,sys; b=open(sys.argv[1],'rb').read(); m=onnx.ModelProto.FromString(b); print(m.SerializeToString()==b)"
        #expect(try run(Places.python, ["-c", program, path]).output == "True\n")
    }

    @Test func comparingFindsEveryDifference() throws {
        let bytes = try written(Self.everything)
        let folder = try TemporaryFolder()
        for index in stride(from: 0, to: bytes.count, by: 7) {
            var changed = bytes
            changed[index] ^= 1
            #expect(try !OnnxFile.serialization(of: Self.everything, equals: MappedFile(folder.write(changed))))
        }
        #expect(try !OnnxFile.serialization(of: Self.everything, equals: MappedFile(folder.write(bytes + [0]))))
    }

    @Test func refusesUnknownFieldsThatMeanSomething() throws {
        var model = Self.everything
        model.unknownFields = Wire.number(1, 9)
        #expect(throws: ModelError(.badArgument, "unknownFields of ModelProto hold ModelProto.ir_version, which is known", at: ["out"])) {
            try within("out") {
                do { _ = try written(model) } catch let error as ModelError { throw ModelError(error.code, error.message) }
            }
        }
        model.unknownFields = [0x80]
        #expect(throws: ModelError.self) { try written(model) }
    }

    /// Written, read by Python, and equal as messages: all loadable models that lie beside the package.
    @Test(.enabled(if: Places.hasCorpus && Places.hasPython, "the corpus beside the package or the tests' Python is missing"))
    func corpusComesBackEqual() throws {
        let folder = try TemporaryFolder()
        let manager = FileManager.default
        var paths = ["models", "models-odd"].flatMap { part in
            ((try? manager.contentsOfDirectory(atPath: "\(Places.corpus)/\(part)")) ?? []).filter { $0.hasSuffix(".onnx") }.sorted()
                .map { "\(Places.corpus)/\(part)/\($0)" }
        }
        let manifest = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: Places.corpus + "/bad/manifest.json")))
        for entry in manifest as? [[String: Any]] ?? [] where entry["kind"] as? String == "legal" {
            if let file = entry["file"] as? String { paths.append("\(Places.corpus)/bad/\(file)") }
        }
        // What these are is said in the corpus: text, and external data that is missing or refused.
        let refused = ["external-etc-passwd", "external-missing-file", "external-ort-mem-addr", "netron-corrupted", "ext-symlink-inside"]
        var pairs = ""
        for (index, path) in paths.enumerated() where !refused.contains(where: path.contains) {
            let contents = try OnnxFile.read(path)
            _ = try OnnxFile.write(contents.model, to: "\(folder.path)/\(index)")
            pairs += "\(path)\t\(folder.path)/\(index)\n"
        }
        let result = try run(Places.python, [Places.root + "/Tests/Oracles/onnx_equal.py"], input: pairs)
        #expect(result.code == 0, "\(result.output)")
        let verdicts = result.output.split(separator: "\n")
        #expect(verdicts.count > 90)
        #expect(verdicts.filter { !$0.hasPrefix("equal") }.count <= 1, "\(result.output)")
        #expect(!result.output.contains("differs"), "\(result.output)")
    }
}
