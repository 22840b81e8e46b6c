internal import COnnx
internal import ModelGraph
internal import Tensors

extension Decoder {
    @inline(never)
    func attribute(_ body: Body, index: Int, depth: Int) throws -> Attribute {
        var attribute = Attribute(nil, .undefined)
        let inside = try readHeader(body, index: index, into: &attribute)
        guard inside != 0 else { return attribute }
        let warningsBefore = warnings.count
        do {
            try readInside(body, type: inside, depth: depth, into: &attribute.value)
        } catch let error as ModelError {
            throw error.at(label(attribute.name, index))
        }
        if warnings.count > warningsBefore { place(label(attribute.name, index), from: warningsBefore) }
        return attribute
    }

    /// Everything but messages inside. Returns the type of the value if it is such a message, else 0.
    @inline(never)
    private func readHeader(_ body: Body, index: Int, into attribute: inout Attribute) throws -> Int {
        let (m, scan) = try unsafe message(.attribute, body, as: Onnx__AttributeProto.self)
        attribute = try unsafe Attribute(
            name(m.has_name, m.name), .undefined, hasType: m.has_type != 0, referenceName: name(m.has_ref_attr_name, m.ref_attr_name),
            docString: name(m.has_doc_string, m.doc_string), unknownFields: scan.unknown)
        let (attributeName, isReference) = (attribute.name, attribute.referenceName != nil)
        return try placed(label(attributeName, index)) {
            guard let attributeName, !attributeName.isEmpty else { throw ModelError(.invalidGraph, "has no name") }
            let values = unsafe AttributeFields(m, scan)
            let type = try unsafe values.type(of: m, isReference: isReference)
            if unsafe m.has_type == 0, irVersion ?? 2 >= 2 {
                warn("has no type; taken as \(AttributeValue.typeNames[type]) because of its value")
            }
            attribute.hasValue = values.contains(type) || (AttributeFields.isList(type) && !isReference)
            attribute.value = unsafe ownValue(m, type)
            return AttributeFields.isMessage(type) && values.contains(type) ? type : 0
        }
    }

    private func label(_ name: Name?, _ index: Int) -> String {
        if let name, !name.isEmpty { return "attribute '\(name)'" }
        return "attribute \(index)"
    }

    /// The value in the message itself; an empty one of the type where it has none or is a message inside.
    private func ownValue(_ m: Onnx__AttributeProto, _ type: Int) -> AttributeValue {
        switch type {
        case 1: .float(unsafe m.f)
        case 2: .int(unsafe m.i)
        case 3: .string(unsafe array(m.s))
        case 6: .floats(unsafe array(m.n_floats, m.floats))
        case 7: .ints(unsafe array(m.n_ints, m.ints))
        case 8: .strings(unsafe UnsafeBufferPointer(start: m.strings, count: m.n_strings).map { unsafe array($0) })
        default: AttributeValue(emptyOf: Int32(type)) ?? .undefined
        }
    }

    @inline(never)
    private func readInside(_ body: Body, type: Int, depth: Int, into value: inout AttributeValue) throws {
        let ranges = try ranges(body, AttributeFields.number(of: type))
        if AttributeFields.isList(type) {
            value = try list(ranges, type: type, depth: depth)
            return
        }
        // The scan saw the field.
        guard let first = ranges.first else { throw changed() }
        var whole = Body(first)
        for range in ranges.dropFirst() { whole.merge(range) }
        if type == 5 { value = .graph(try graph(whole, depth: depth + 1)) } else { value = try single(whole, type: type) }
    }

    /// Where field `number` occurs.
    @inline(never)
    private func ranges(_ body: Body, _ number: Int) throws -> [Range<Int>] {
        var found: [Range<Int>] = []
        try children(.attribute, body) { field, range in
            if field == number { found.append(range) }
        }
        return found
    }

    @inline(never)
    private func list(_ ranges: [Range<Int>], type: Int, depth: Int) throws -> AttributeValue {
        switch type {
        case 9: .tensors(try ranges.map { try tensor(Body($0)) })
        case 10: .graphs(try graphs(ranges, depth: depth + 1))
        case 12: .sparseTensors(try ranges.map { try sparseTensor(Body($0)) })
        default: .types(try ranges.map { try valueType(Body($0), depth: 1) })
        }
    }

    private func graphs(_ ranges: [Range<Int>], depth: Int) throws -> [Graph] {
        var graphs: [Graph] = []
        for range in ranges { graphs.append(try graph(Body(range), depth: depth)) }
        return graphs
    }

    @inline(never)
    private func single(_ body: Body, type: Int) throws -> AttributeValue {
        switch type {
        case 4: .tensor(try tensor(body))
        case 11: .sparseTensor(try sparseTensor(body))
        default: .type(try valueType(body, depth: 1))
        }
    }
}

/// Which of an attribute's value fields are set; bit n for ONNX's type number n.
struct AttributeFields {
    private var set: UInt16 = 0

    init(_ m: Onnx__AttributeProto, _ scan: ScannedMessage) {
        let own: [(Int, Bool)] = unsafe [
            (1, m.has_f != 0), (2, m.has_i != 0), (3, m.has_s != 0), (6, m.n_floats > 0), (7, m.n_ints > 0), (8, m.n_strings > 0),
        ]
        for (type, isSet) in own where isSet { set |= 1 << UInt16(type) }
        for type in [4, 5, 9, 10, 11, 12, 13, 14] where scan.has(Self.number(of: type)) { set |= 1 << UInt16(type) }
    }

    func contains(_ type: Int) -> Bool { set >> UInt16(type) & 1 == 1 }

    /// The field that holds a value of `type` (1 to 14).
    static func number(of type: Int) -> Int { [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 22, 23, 14, 15][type] }
    static func isList(_ type: Int) -> Bool { [6, 7, 8, 9, 10, 12, 14].contains(type) }
    static func isMessage(_ type: Int) -> Bool { [4, 5, 9, 10, 11, 12, 13, 14].contains(type) }

    private var types: [Int] { (1...14).filter(contains) }

    private func describe(_ types: [Int]) -> String {
        let schema = MessageSchema.all[Int(MessageKind.attribute.rawValue)].fields
        return types.map { type in schema.first { $0.number == Self.number(of: type) }?.name ?? "" }.joined(separator: " and ")
    }

    /// The attribute's type, from its `type` field or, if it has none, from the one value that is set.
    func type(of m: Onnx__AttributeProto, isReference: Bool) throws -> Int {
        guard unsafe m.has_type != 0 else {
            guard set.nonzeroBitCount <= 1 else {
                throw ModelError(.invalidGraph, "has values in \(describe(types)), expected one")
            }
            return types.first ?? 0
        }
        let type = unsafe Int(Int32(bitPattern: m.type.rawValue))
        guard type >= 0, type <= 14 else { throw ModelError(.unsupported, "is of type \(type), this version knows 0 to 14") }
        let name = AttributeValue.typeNames[type]
        let others = types.filter { $0 != type }
        if !others.isEmpty {
            if contains(type) { throw ModelError(.invalidGraph, "has values in \(describe(types)), expected one, as it is of type \(name)") }
            throw ModelError(.invalidGraph, "is of type \(name), but has its value in \(describe(others))")
        }
        if set == 0, Self.isMessage(type), !Self.isList(type), !isReference {
            throw ModelError(.invalidGraph, "is of type \(name), but has no value")
        }
        return type
    }
}
