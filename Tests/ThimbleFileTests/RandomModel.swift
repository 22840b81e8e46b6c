import ModelGraph
import Tensors
import TestSupport

/// Makes models that use every field that there is, often empty where unset and set-to-empty differ.
struct RandomModel {
    var random: SeededRandom
    private var graphDepth = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    static let oddNames: [Name] = [
        "", "a", "a\u{0}b", "\u{0}", "é", "e\u{301}", "Å", "\u{212b}", "名前", "x\u{202e}y", "a\\b'c\"", "\n", "🦔",
        "a name that is longer than the small strings of Swift", "a name that is longer than the small strings of Swift\u{0}",
    ]

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func count(_ most: Int) -> Int { chance(40) ? 0 : Int.random(in: 0...most, using: &random) }

    mutating func list<T>(_ most: Int, _ make: (inout RandomModel) -> T) -> [T] {
        (0..<count(most)).map { _ in make(&self) }
    }

    mutating func optional<T>(_ make: (inout RandomModel) -> T) -> T? { chance(60) ? make(&self) : nil }

    mutating func name() -> Name {
        chance(30) ? Self.oddNames.randomElement(using: &random)! : Name("n\(Int.random(in: 0..<40, using: &random))")
    }

    mutating func int64() -> Int64 { chance(50) ? [0, 1, -1, .max, .min].randomElement(using: &random)! : .random(in: .min ... .max, using: &random) }
    mutating func int32() -> Int32 { chance(50) ? [0, 1, -1, .max, .min].randomElement(using: &random)! : .random(in: .min ... .max, using: &random) }
    mutating func unknown() -> [UInt8] { chance(80) ? [] : random.bytes(Int.random(in: 1...20, using: &random)) }

    mutating func entry() -> KeyValue {
        KeyValue(key: optional { $0.name() }, value: optional { $0.name() }, unknownFields: unknown())
    }

    mutating func entries() -> [KeyValue] { list(2) { $0.entry() } }

    // MARK: types

    mutating func elementType() -> ElementType { ElementType(rawValue: .random(in: -1...40, using: &random)) }

    mutating func size() -> Dimension.Size {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: .unknown
        case 1: .value(int64())
        default: .symbol(name())
        }
    }

    mutating func shape() -> Shape { Shape(list(4) { Dimension($0.size(), denotation: $0.chance(20) ? $0.name() : nil) }) }

    mutating func type(depth: Int = 0) -> ValueType {
        let inner: ValueType? = depth < 4 ? optional { $0.type(depth: depth + 1) } : nil
        let kind: ValueType.Kind =
            switch Int.random(in: 0..<9, using: &random) {
            case 0: .none
            case 1: .sparseTensor(elementType: optional { $0.elementType() }, shape: optional { $0.shape() })
            case 2: .sequence(inner)
            case 3: .optional(inner)
            case 4: .map(key: optional { $0.elementType() }, value: inner)
            case 5: .opaque(domain: optional { $0.name() }, name: optional { $0.name() })
            case 6: .raw(random.bytes(Int.random(in: 0...9, using: &random)))
            default: .tensor(elementType: optional { $0.elementType() }, shape: optional { $0.shape() })
            }
        return ValueType(kind, denotation: chance(20) ? name() : nil)
    }

    mutating func valueInfo() -> ValueInfo {
        ValueInfo(
            name: optional { $0.name() }, type: optional { $0.type() }, docString: optional { $0.name() }, metadata: entries(),
            unknownFields: unknown())
    }

    // MARK: tensors

    mutating func tensor() -> Tensor {
        var tensor: Tensor
        if chance(20) {
            let strings = list(4) { $0.random.bytes($0.count(5)) }
            var ends: [UInt8] = [], total = 0
            for string in strings {
                total += string.count
                for shift in stride(from: 0, to: 64, by: 8) { ends.append(UInt8(truncatingIfNeeded: total >> shift)) }
            }
            tensor = Tensor(
                .string, dims: [strings.count],
                encoding: .strings(
                    StringList(joined: TensorBytes(strings.flatMap { $0 }), ends: Tensor(.uint64, dims: [strings.count], bytes: TensorBytes(ends)))))
        } else {
            let type: ElementType = [.float, .int64, .uint8, .float16, .int4, .bool, .complex128].randomElement(using: &random)!
            let dims = list(3) { $0.count(6) }
            tensor = Tensor(type, dims: dims, bytes: TensorBytes(random.bytes(type.byteCount(elements: elementCount(of: dims)!)!)))
        }
        tensor.name = optional { $0.name() }
        tensor.docString = optional { $0.name() }
        tensor.metadata = entries()
        tensor.origin = TensorOrigin(
            field: TensorOrigin.Field(rawValue: .random(in: 0...8, using: &random))!, dataLocation: optional { $0.int32() },
            externalData: entries(), unknownFields: unknown())
        return tensor
    }

    mutating func sparseTensor() -> SparseTensor {
        SparseTensor(
            values: optional { $0.tensor() }, indices: optional { $0.tensor() }, dims: list(3) { Int($0.int64()) }, unknownFields: unknown())
    }

    // MARK: nodes

    mutating func float() -> Float { chance(30) ? Float(bitPattern: 0x7fa0_1234) : Float(bitPattern: .random(in: .min ... .max, using: &random)) }
    mutating func string() -> [UInt8] { chance(50) ? name().bytes : random.bytes(count(8)) }
    /// Both sides of the length where values move to a payload.
    mutating func long() -> Int { chance(80) ? count(5) : [64, 65, 200].randomElement(using: &random)! }

    mutating func value() -> AttributeValue {
        switch Int.random(in: 1..<15, using: &random) {
        case 1: return .float(float())
        case 2: return .int(int64())
        case 3: return .string(chance(10) ? random.bytes(5000) : string())
        case 4: return .tensor(tensor())
        case 5 where graphDepth < 3: return .graph(graph())
        case 6: return .floats((0..<long()).map { _ in float() })
        case 7: return .ints((0..<long()).map { _ in int64() })
        case 8: return .strings((0..<long()).map { _ in string() })
        case 9: return .tensors(list(2) { $0.tensor() })
        case 10 where graphDepth < 3: return .graphs(list(2) { $0.graph() })
        case 11: return .sparseTensor(sparseTensor())
        case 12: return .sparseTensors(list(2) { $0.sparseTensor() })
        case 13: return .type(type())
        default: return .types(list(2) { $0.type() })
        }
    }

    mutating func attribute() -> Attribute {
        var attribute = Attribute(optional { $0.name() }, value())
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            attribute.hasValue = false
            attribute.value = AttributeValue(emptyOf: attribute.value.typeNumber)!
        case 1: attribute.hasType = false
        case 2:
            attribute.hasValue = false
            attribute.hasType = chance(50)
            attribute.value = .undefined
        default: break
        }
        attribute.referenceName = optional { $0.name() }
        attribute.docString = optional { $0.name() }
        attribute.unknownFields = unknown()
        return attribute
    }

    mutating func shardingSpec() -> ShardingSpec {
        ShardingSpec(
            tensorName: optional { $0.name() }, devices: list(3) { $0.int64() },
            deviceGroups: list(2) { DeviceGroup(key: $0.optional { $0.int64() }, devices: $0.list(2) { $0.int64() }, unknownFields: $0.unknown()) },
            shardedDims: list(2) { random in
                ShardedDim(
                    axis: random.optional { $0.int64() },
                    shardings: random.list(2) {
                        SimpleShardedDim(size: $0.size(), shardCount: $0.optional { $0.int64() }, unknownFields: $0.unknown())
                    }, unknownFields: random.unknown())
            }, unknownFields: unknown())
    }

    mutating func node() -> Node {
        Node(
            optional { $0.name() }, domain: optional { $0.name() }, overload: optional { $0.name() }, name: optional { $0.name() },
            inputs: list(3) { $0.name() }, outputs: list(2) { $0.name() }, attributes: list(4) { $0.attribute() },
            docString: optional { $0.name() }, metadata: entries(),
            deviceConfigurations: chance(80)
                ? []
                : list(2) {
                    NodeDeviceConfiguration(
                        configurationID: $0.optional { $0.name() }, shardingSpecs: $0.list(2) { $0.shardingSpec() },
                        pipelineStage: $0.optional { $0.int32() }, unknownFields: $0.unknown())
                }, unknownFields: unknown())
    }

    // MARK: graphs

    mutating func graph() -> Graph {
        graphDepth += 1
        defer { graphDepth -= 1 }
        return Graph(
            name: optional { $0.name() }, nodes: list(4) { $0.node() }, inputs: list(2) { $0.valueInfo() }, outputs: list(2) { $0.valueInfo() },
            valueInfos: list(3) { $0.valueInfo() }, initializers: list(3) { $0.tensor() }, sparseInitializers: list(2) { $0.sparseTensor() },
            quantizationAnnotations: list(2) {
                QuantizationAnnotation(tensorName: $0.optional { $0.name() }, parameters: $0.entries(), unknownFields: $0.unknown())
            }, docString: optional { $0.name() }, metadata: entries(), unknownFields: unknown())
    }

    mutating func opset() -> OpsetImport {
        OpsetImport(domain: optional { $0.name() }, version: optional { $0.int64() }, unknownFields: unknown())
    }

    mutating func function() -> Function {
        Function(
            name: optional { $0.name() }, domain: optional { $0.name() }, overload: optional { $0.name() }, inputs: list(2) { $0.name() },
            outputs: list(2) { $0.name() }, attributeNames: list(2) { $0.name() }, attributeDefaults: list(2) { $0.attribute() },
            nodes: list(2) { $0.node() }, opsetImports: list(2) { $0.opset() }, valueInfos: list(2) { $0.valueInfo() },
            docString: optional { $0.name() }, metadata: entries(), unknownFields: unknown())
    }

    mutating func model() -> Model {
        Model(
            irVersion: optional { $0.int64() }, opsetImports: list(2) { $0.opset() }, producerName: optional { $0.name() },
            producerVersion: optional { $0.name() }, domain: optional { $0.name() }, modelVersion: optional { $0.int64() },
            docString: optional { $0.name() }, graph: graph(), metadata: entries(),
            trainingInfo: list(1) {
                TrainingInfo(
                    initialization: $0.optional { $0.graph() }, algorithm: $0.optional { $0.graph() }, initializationBinding: $0.entries(),
                    updateBinding: $0.entries(), unknownFields: $0.unknown())
            }, functions: list(2) { $0.function() },
            deviceConfigurations: list(2) {
                DeviceConfiguration(
                    name: $0.optional { $0.name() }, deviceCount: $0.optional { $0.int32() }, devices: $0.list(2) { $0.name() },
                    unknownFields: $0.unknown())
            }, unknownFields: unknown())
    }
}
