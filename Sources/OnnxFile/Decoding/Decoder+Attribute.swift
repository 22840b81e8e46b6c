internal import COnnx
internal import ModelGraph
internal import Tensors

extension Decoder {
    @inline(never)
    func attribute(_ body: Body, index: Int, depth: Int) throws -> Attribute {
        var (attribute, inside, scan) = try header(body, index: index)
        guard inside != 0 else { return attribute }
        let warningsBefore = warnings.count
        do {
            try readInside(body, scan, type: inside, depth: depth, into: &attribute.value)
        } catch let error as ModelError {
            throw error.at(label(attribute.name, index))
        }
        if warnings.count > warningsBefore { place(label(attribute.name, index), from: warningsBefore) }
        return attribute
    }

    /// Everything but messages inside, and the type of the value if it is such a message, else 0.
    @inline(never)
    private func header(_ body: Body, index: Int) throws -> (attribute: Attribute, inside: Int, scan: ScannedMessage) {
        let (m, scan) = try unsafe message(.attribute, body, as: Onnx__AttributeProto.self)
        let (attribute, inside) = try unsafe withUnsafePointer(to: m) { try unsafe self.attribute($0, scan, index: index) }
        return (attribute, inside, scan)
    }

    /// The same of a message that is decoded; `scan` may be empty if there are no messages in it.
    func attribute(_ m: UnsafePointer<Onnx__AttributeProto>, _ scan: ScannedMessage, index: Int) throws -> (attribute: Attribute, inside: Int) {
        let name = try unsafe name(m.pointee.has_name, m.pointee.name)
        let reference = try unsafe self.name(m.pointee.has_ref_attr_name, m.pointee.ref_attr_name)
        let docString = try unsafe self.name(m.pointee.has_doc_string, m.pointee.doc_string)
        let hasType = unsafe m.pointee.has_type != 0
        let values = unsafe AttributeFields(m, scan)
        let type = try placed(label(name, index)) {
            guard let name, !name.isEmpty else { throw ModelError(.invalidGraph, "has no name") }
            let type = try unsafe values.type(hasType ? m.pointee.type.rawValue : nil, isReference: reference != nil)
            if !hasType, irVersion ?? 2 >= 2 { warn("has no type; taken as \(AttributeValue.typeNames[type]) because of its value") }
            return type
        }
        let isThere = values.contains(type)
        let attribute = unsafe Attribute(
            name, ownValue(m, type), hasValue: isThere || (AttributeFields.isList(type) && reference == nil), hasType: hasType,
            referenceName: reference, docString: docString, unknownFields: scan.unknown)
        return (attribute, AttributeFields.isMessage(type) && isThere ? type : 0)
    }

    private func label(_ name: Name?, _ index: Int) -> String {
        if let name, !name.isEmpty { return "attribute '\(name)'" }
        return "attribute \(index)"
    }

    /// The value in the message itself; an empty one of the type where it has none or is a message inside.
    private func ownValue(_ m: UnsafePointer<Onnx__AttributeProto>, _ type: Int) -> AttributeValue {
        switch type {
        case 1: .float(unsafe m.pointee.f)
        case 2: .int(unsafe m.pointee.i)
        case 3: .string(unsafe array(m.pointee.s))
        case 6: .floats(unsafe array(m.pointee.n_floats, m.pointee.floats))
        case 7: .ints(unsafe array(m.pointee.n_ints, m.pointee.ints))
        case 8: .strings(unsafe UnsafeBufferPointer(start: m.pointee.strings, count: m.pointee.n_strings).map { unsafe array($0) })
        default: AttributeValue(emptyOf: Int32(type)) ?? .undefined
        }
    }

    @inline(never)
    private func readInside(_ body: Body, _ scan: ScannedMessage, type: Int, depth: Int, into value: inout AttributeValue) throws {
        let ranges = try ranges(body, scan, AttributeFields.number(of: type))
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
    private func ranges(_ body: Body, _ scan: ScannedMessage, _ number: Int) throws -> [Range<Int>] {
        var found: [Range<Int>] = []
        try children(.attribute, body, scan) { field, range in
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

    init(_ m: UnsafePointer<Onnx__AttributeProto>, _ scan: ScannedMessage) {
        func note(_ type: UInt16, _ isSet: Bool) { if isSet { set |= 1 << type } }
        unsafe note(1, m.pointee.has_f != 0)
        unsafe note(2, m.pointee.has_i != 0)
        unsafe note(3, m.pointee.has_s != 0)
        unsafe note(6, m.pointee.n_floats > 0)
        unsafe note(7, m.pointee.n_ints > 0)
        unsafe note(8, m.pointee.n_strings > 0)
        guard scan.seen != 0 else { return }
        for type in 4...14 where Self.isMessage(type) && scan.has(Self.number(of: type)) { set |= 1 << UInt16(type) }
    }

    func contains(_ type: Int) -> Bool { set >> UInt16(type) & 1 == 1 }

    /// The field that holds a value of `type` (1 to 14).
    static func number(of type: Int) -> Int {
        switch type {
        case 0: 0
        case 11, 12: type + 11
        default: type + 1
        }
    }
    static func isList(_ type: Int) -> Bool {
        switch type {
        case 6...10, 12, 14: true
        default: false
        }
    }
    static func isMessage(_ type: Int) -> Bool {
        switch type {
        case 4, 5, 9...14: true
        default: false
        }
    }

    private var types: [Int] { (1...14).filter(contains) }

    private func describe(_ types: [Int]) -> String {
        let schema = MessageSchema.all[Int(MessageKind.attribute.rawValue)].fields
        return types.map { type in schema.first { $0.number == Self.number(of: type) }?.name ?? "" }.joined(separator: " and ")
    }

    /// The attribute's type, from its `type` field, `said`, or, if it has none, from the one value that is set.
    func type(_ said: UInt32?, isReference: Bool) throws -> Int {
        guard let said else {
            guard set.nonzeroBitCount <= 1 else {
                throw ModelError(.invalidGraph, "has values in \(describe(types)), expected one")
            }
            return set == 0 ? 0 : set.trailingZeroBitCount
        }
        let type = Int(Int32(bitPattern: said))
        guard type >= 0, type <= 14 else { throw ModelError(.unsupported, "is of type \(type), this version knows 0 to 14") }
        var name: String { AttributeValue.typeNames[type] }
        if set & ~(1 << UInt16(type)) != 0 {
            let others = types.filter { $0 != type }
            if contains(type) { throw ModelError(.invalidGraph, "has values in \(describe(types)), expected one, as it is of type \(name)") }
            throw ModelError(.invalidGraph, "is of type \(name), but has its value in \(describe(others))")
        }
        if set == 0, Self.isMessage(type), !Self.isList(type), !isReference {
            throw ModelError(.invalidGraph, "is of type \(name), but has no value")
        }
        return type
    }
}
