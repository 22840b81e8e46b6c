import ModelGraph
import Tensors
import TestSupport

@testable import Operators

/// What runs around the operator under test: subgraphs that return anything, a limit of trips and one of memory.
final class HostileEnvironment: RunEnvironment, @unchecked Sendable {
    private var random: SeededRandom
    private var trips = 0

    init(_ random: SeededRandom) { self.random = random }

    var threads: Int { 1 }

    func run(_ subgraph: Name, inputs: [Value]) throws -> [Value] {
        switch random.next() % 4 {
        case 0: return []
        case 1: return inputs.reversed()
        case 2: return inputs
        default: throw ModelError(.invalidGraph, "a body fails")
        }
    }

    func countTrip() throws {
        trips += 1
        if trips > 100 { throw ModelError(.limit, "100 trips are the limit") }
    }

    func nextRandom() -> UInt64 { random.next() }

    func checkAllocation(_ byteCount: Int) throws {
        guard byteCount >= 0, byteCount <= 1 << 24 else { throw ModelError(.limit, "\(byteCount) bytes, 2^24 are the limit") }
    }
}

/// Calls that no healthy model makes, from nearly right to wholly wrong.
struct HostileCalls {
    var random: SeededRandom
    private let floats: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.5, 2, 3, 1e30, -1e30, 1e-40, 0.1]
    private let ints: [Int64] = [.min, .min + 1, -(1 << 32), -3, -2, -1, 0, 1, 2, 3, 4, 1 << 31, 1 << 48, 1 << 62, .max - 1, .max]
    private let shapes: [[Int]] = [
        [], [0], [1], [2], [3], [4], [1, 1], [2, 3], [3, 2], [4, 4], [0, 3], [3, 0], [1, 2, 3], [2, 0, 2], [1, 1, 4, 4], [2, 2, 3, 3], [1, 4, 2, 2], [1, 0, 3, 3],
        [1, 1, 2, 2, 2], [1, 1, 1, 1, 1, 2], [0, 1 << 40], [1 << 47, 0], [1, 2, 1, 2],
    ]
    private let words = [
        "", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "linear", "nearest", "cubic", "bilinear", "bicubic", "constant", "reflect", "edge", "wrap", "zeros", "border",
        "reflection", "add", "mul", "max", "min", "none", "mean", "sum", "forward", "reverse", "bidirectional", "Relu", "Tanh", "Sigmoid", "Affine", "Elu", "LeakyRelu",
        "half_pixel", "asymmetric", "align_corners", "tf_crop_and_resize", "tf_half_pixel_for_nn", "floor", "ceil", "round_prefer_floor", "not_smaller", "not_larger",
        "stretch", "DCR", "CRD", "avg", "LEFT", "RIGHT", "BT", "TF", "IDF", "TFIDF", "NONE", "SOFTMAX", "LOGISTIC", "PROBIT", "SOFTMAX_ZERO", "AVERAGE", "SUM", "MIN", "MAX",
        "LEAF", "BRANCH_LEQ", "BRANCH_EQ", "RBF", "POLY", "SIGMOID", "LINEAR", "L1", "L2", "DENSE", "SPARSE", "TO_FLOAT", "TO_STRING", "TO_INT64", "standard", "nesterov",
        "ij,jk->ik", "ii->i", "...i->...", "i->iiii", "tanh", "approximate", "RGB", "BGR", "Grayscale", "[a-z]+", "(", "UPPER", "LOWER", "\n", "1", "nan", "-5", "1e999", "a",
    ]

    mutating func pick<T>(_ list: [T]) -> T { list[Int(random.next() % UInt64(list.count))] }
    mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

    mutating func int() -> Int64 { chance(60) ? Int64(random.next() % 6) - 1 : pick(ints) }
    mutating func float() -> Float { Float(pick(floats)) }
    mutating func text() -> [UInt8] { chance(5) ? [0xff, 0xfe] : Array(pick(words).utf8) }
    mutating func list<T>(_ make: (inout HostileCalls) -> T) -> [T] { (0..<Int(random.next() % 6)).map { _ in make(&self) } }

    mutating func tensor(_ type: ElementType, _ dims: [Int]) -> Tensor {
        let count = elementCount(of: dims) ?? 0
        if type == .string { return Tensor(.string, dims: dims, encoding: .strings(StringList((0..<count).map { _ in text() }))) }
        let size = type.byteCount(elements: count) ?? 0
        var bytes: [UInt8] = []
        while bytes.count < size {
            switch type {
            case .float: bytes += littleEndianBytes(float().bitPattern)
            case .double: bytes += littleEndianBytes(pick(floats).bitPattern)
            case .bool: bytes.append(UInt8(random.next() % 2))
            case .int32, .uint32: bytes += littleEndianBytes(Int32(truncatingIfNeeded: int()))
            case .int64, .uint64: bytes += littleEndianBytes(int())
            case .int16, .uint16: bytes += littleEndianBytes(Int16(truncatingIfNeeded: int()))
            case .int8, .uint8: bytes.append(UInt8(truncatingIfNeeded: int()))
            default: bytes.append(UInt8(truncatingIfNeeded: random.next()))
            }
        }
        return Tensor(type, dims: dims, bytes: TensorBytes(Array(bytes.prefix(size))))
    }

    mutating func value(_ type: ElementType, _ dims: [Int]) -> Value? {
        switch random.next() % 40 {
        case 0: return nil
        case 1: return .sequence(list { .tensor($0.tensor(type, dims)) })
        case 2: return .optional(chance(50) ? nil : .tensor(tensor(type, dims)))
        case 3: return .map(list { .init(key: $0.chance(50) ? .int($0.int()) : .string($0.text()), value: $0.tensor(type, [])) })
        default: return .tensor(tensor(type, dims))
        }
    }

    /// Inputs that mostly have one type and one shape, with vectors of integers between.
    mutating func inputs(_ count: Int) -> [Value?] {
        let types = ElementType.allKnown
        let type = chance(50) ? .float : pick(types), dims = pick(shapes)
        return (0..<count).map { _ in
            switch random.next() % 10 {
            case 0: value(pick(types), pick(shapes))
            case 1: value(.int64, pick(shapes))
            case 2: .tensor(tensor(.int64, [Int(random.next() % 5)]))
            case 3: value(type, pick(shapes))
            case 4: .tensor(tensor(type, [min(4, dims.dropFirst().first ?? 1)]))
            default: value(type, dims)
            }
        }
    }

    mutating func attribute(_ type: Int32) -> AttributeValue {
        switch chance(3) ? Int32(random.next() % 15) : type {
        case 1: return .float(float())
        case 2: return .int(int())
        case 3: return .string(text())
        case 4: return .tensor(tensor(chance(50) ? .float : pick(ElementType.allKnown), pick(shapes)))
        case 5: return .graph(Graph())
        case 6: return .floats(list { $0.float() })
        case 7: return .ints(list { $0.int() })
        case 8: return .strings(list { $0.text() })
        case 9: return .tensors([])
        case 10: return .graphs([])
        case 11: return .sparseTensor(SparseTensor(values: tensor(.float, [2]), indices: tensor(.int64, [2]), dims: pick(shapes)))
        case 12: return .sparseTensors([])
        case 13: return .type(ValueType(.none))
        case 14: return .types([])
        default: return .undefined
        }
    }

    /// A call of an operator whose schema is not known is given `attributes` of any type.
    mutating func call(_ op: any Runnable.Type, schemas: [OperatorSchema], attributes: [Name]) -> Call {
        let schema = schemas.isEmpty ? nil : pick(schemas)
        let most = schema.map { min($0.inputCount.upperBound, max(3, $0.inputCount.lowerBound + 1)) } ?? 8
        let least = schema?.inputCount.lowerBound ?? 0
        let count = chance(90) ? least + Int(random.next() % UInt64(max(1, most - least + 1))) : Int(random.next() % 9)
        var given: [Attribute] = []
        for fact in schema?.attributes ?? [] where chance(fact.isRequired ? 95 : 50) { given.append(Attribute(fact.name, attribute(fact.type))) }
        for name in schema == nil ? attributes : [] where chance(50) { given.append(Attribute(name, attribute(pick([1, 2, 3, 6, 7])))) }
        let outputs = (0..<Int(random.next() % 4) + 1).map { chance(5) ? "" : Name("y\($0)") }
        let values = inputs(count)
        let node = Node(op.name, domain: op.domain, inputs: values.indices.map { values[$0] == nil ? "" : Name("x\($0)") }, outputs: outputs, attributes: given)
        return Call(node: node, opset: Int(schema?.sinceVersion ?? 1), inputs: values, environment: HostileEnvironment(SeededRandom(seed: random.next())))
    }
}
