internal import ModelGraph
internal import Operators
internal import Tensors

/// What passes ask of nodes.
extension GraphEditor {
    func attribute(_ node: NodeID, _ name: Name) -> AttributeValue? { nodes[node].node.attribute(name)?.value }

    func int(_ node: NodeID, _ name: Name) -> Int? {
        if case .int(let value)? = attribute(node, name) { Int(value) } else { nil }
    }

    func ints(_ node: NodeID, _ name: Name) -> [Int]? {
        if case .ints(let values)? = attribute(node, name) { values.map { Int($0) } } else { nil }
    }

    func float(_ node: NodeID, _ name: Name) -> Float? {
        if case .float(let value)? = attribute(node, name) { value } else { nil }
    }

    func string(_ node: NodeID, _ name: Name) -> String? {
        if case .string(let bytes)? = attribute(node, name) { String(validating: bytes, as: UTF8.self) } else { nil }
    }

    func setAttribute(_ node: NodeID, _ name: Name, _ value: AttributeValue?) {
        nodes[node].node.attributes.removeAll { $0.name == name }
        if let value { nodes[node].node.attributes.append(Attribute(name, value)) }
        noteChange(of: node)
    }

    /// Input `index` of a node, -1 if it is left out.
    func input(_ node: NodeID, _ index: Int) -> ValueID { index < nodes[node].inputs.count ? nodes[node].inputs[index] : -1 }

    /// The numbers of a constant of integers, at most 4,096.
    func constantInts(_ value: ValueID) -> [Int]? {
        guard let tensor = constant(value), tensor.dims.count <= 1, let count = tensor.elementCount, count <= 4096,
            tensor.elementType == .int64 || tensor.elementType == .int32
        else { return nil }
        return try? tensor.integers("the constant")
    }

    /// The numbers of a list that is an attribute up to some operator set and input `index` from then on; outer nil: it is there but not known.
    func intList(_ node: NodeID, attribute name: Name, input index: Int) -> [Int]?? {
        if let values = ints(node, name) { return values }
        let value = input(node, index)
        if value < 0 { return .some(nil) }
        return constantInts(value).map { .some($0) } ?? .none
    }

    /// The one number that all elements of a small or scalar constant are, as a Double.
    func uniformNumber(_ value: ValueID) -> Double? {
        guard let tensor = constant(value), let count = tensor.elementCount, count >= 1, count <= 4096, let numbers = tensor.smallNumbers(), let first = numbers.first
        else { return nil }
        return numbers.allSatisfy { $0 == first } ? first : nil
    }

    /// The number of a constant of one element.
    func scalar(_ value: ValueID) -> Double? {
        guard let tensor = constant(value), tensor.elementCount == 1 else { return nil }
        return tensor.smallNumbers()?.first
    }

    // MARK: facts

    func fact(_ value: ValueID) -> Fact { value >= 0 ? facts[value] ?? .unknown : .unknown }
    func dims(_ value: ValueID) -> [Dim]? { fact(value).dims }
    func rank(_ value: ValueID) -> Int? { fact(value).rank }
    func fixedDims(_ value: ValueID) -> [Int]? { fact(value).fixedDims }
    func elementType(_ value: ValueID) -> ElementType? { fact(value).elementType }

    /// True if both have the same dims for sure.
    func haveSameDims(_ a: ValueID, _ b: ValueID) -> Bool {
        guard let x = dims(a), let y = dims(b) else { return false }
        return x.count == y.count && zip(x, y).allSatisfy { $0.isSame(as: $1) }
    }

    /// True for a value of FLOAT or DOUBLE, whose arithmetic may be folded.
    func isWideFloat(_ value: ValueID) -> Bool { [.float, .double].contains(elementType(value)) }

    /// True if a value of `dims` leaves the other operand's shape as it is when the two are combined: each of its axes is 1 or that of the other.
    func broadcastsInto(_ value: ValueID, _ other: ValueID) -> Bool {
        guard let small = dims(value), let large = dims(other), small.count <= large.count else { return false }
        return zip(small.reversed(), large.reversed()).allSatisfy { $0 == 1 || $0.isSame(as: $1) }
    }
}

extension Tensor {
    /// The elements of a numeric tensor of at most 4,096 of them.
    func smallNumbers() -> [Double]? {
        guard let count = elementCount, count <= 4096 else { return nil }
        switch elementType {
        case .float: return (try? elements(as: Float.self))?.map { Double($0) }
        case .double: return (try? elements(as: Double.self)).map { Array($0) }
        case .float16, .bfloat16: return (try? floats("the constant"))?.map { Double($0) }
        case .int64: return (try? elements(as: Int64.self))?.map { Double($0) }
        case .int32: return (try? elements(as: Int32.self))?.map { Double($0) }
        case .uint8, .bool: return (try? elements(as: UInt8.self))?.map { Double($0) }
        case .int8: return (try? elements(as: Int8.self))?.map { Double($0) }
        default: return nil
        }
    }

    /// A vector of INT64.
    static func int64Vector(_ values: [Int]) -> Tensor {
        Tensor(.int64, dims: [values.count], bytes: TensorBytes(values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }))
    }
}
