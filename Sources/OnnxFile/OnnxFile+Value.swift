public import ModelGraph
public import Tensors

extension OnnxFile {
    /// Reads a file that holds one value, as ONNX's test data does: a `TensorProto`, `SequenceProto`, `MapProto` or
    /// `OptionalProto` without anything around it. Such files do not say which of them they are: `type` does; without it the
    /// first that fits is taken, in this order: tensor, sequence, optional, map.
    ///
    /// Values of the result's tensors lie in the mapped file, which they keep open.
    public static func readValue(_ path: String, as type: ValueType? = nil) throws -> Value {
        let file = try MappedFile(path)
        return try within(printable(path)) {
            let decoder = try Decoder(file, options: ReadOptions())
            let body = Body(0..<file.count)
            switch type?.kind {
            case .tensor?: return .tensor(try decoder.tensor(body))
            case .sequence?: return try decoder.sequence(body, depth: 1)
            case .optional?: return try decoder.optional(body, depth: 1)
            case .map?: return try decoder.map(body, depth: 1)
            case .sparseTensor?, .opaque?:
                throw ModelError(.unsupported, "values of type \(type?.description ?? "") cannot be read")
            case nil, .some(.none), .raw?: return try decoder.anyValue(body)
            }
        }
    }
}

extension Decoder {
    fileprivate func anyValue(_ body: Body) throws -> Value {
        let readers: [() throws -> Value] = [
            { .tensor(try self.tensor(body)) },
            { try self.sequence(body, depth: 1) },
            { try self.optional(body, depth: 1) },
            { try self.map(body, depth: 1) },
        ]
        var first: (any Error)?
        for reader in readers {
            do { return try reader() } catch { first = first ?? error }
        }
        throw ModelError(.damagedFile, "is no TensorProto, SequenceProto, OptionalProto or MapProto; as a TensorProto: \(first.map { "\($0)" } ?? "")")
    }

    fileprivate func sequence(_ body: Body, depth: Int) throws -> Value {
        try checkDepth(depth, body)
        var values: [Value] = [], kinds: Set<Int> = []
        try fields(.sequenceValue, body) { field in
            guard field.number > 2 else { return }
            kinds.insert(field.number)
            values.append(try within("element \(values.count)") { try value(field, depth: depth) })
        }
        guard kinds.count <= 1 else { throw ModelError(.damagedFile, "a sequence of values of \(kinds.count) kinds, one is allowed") }
        return .sequence(values)
    }

    fileprivate func optional(_ body: Body, depth: Int) throws -> Value {
        try checkDepth(depth, body)
        var result: Value?
        try fields(.optionalValue, body) { field in
            guard field.number > 2 else { return }
            guard result == nil else { throw ModelError(.damagedFile, "an optional with two values, one is allowed") }
            result = try value(field, depth: depth)
        }
        return .optional(result)
    }

    fileprivate func map(_ body: Body, depth: Int) throws -> Value {
        try checkDepth(depth, body)
        var keys: [Value.MapEntry.Key] = [], values: [Value] = []
        try fields(.mapValue, body) { field in
            switch field.number {
            case 3: keys += try integers(field).map { .int($0) }
            case 4: keys.append(.string(bytes.array(field.value)))
            case 5: if case .sequence(let more) = try sequence(Body(field.value), depth: depth + 1) { values += more }
            default: break
            }
        }
        guard keys.count == values.count else { throw ModelError(.damagedFile, "a map with \(keys.count) keys and \(values.count) values") }
        return .map(try zip(keys, values).map { key, value in
            guard let tensor = value.tensor else { throw ModelError(.unsupported, "a map to \(value.summary); maps to tensors can be read") }
            return Value.MapEntry(key: key, value: tensor)
        })
    }

    /// A field that holds a value; sequences and optionals give them the same numbers.
    private func value(_ field: WireField, depth: Int) throws -> Value {
        let body = Body(field.value)
        switch field.rule?.content {
        case .message(.tensor): return .tensor(try tensor(body))
        case .message(.sequenceValue): return try sequence(body, depth: depth + 1)
        case .message(.optionalValue): return try optional(body, depth: depth + 1)
        case .message(.mapValue): return try map(body, depth: depth + 1)
        default: throw ModelError(.unsupported, "sparse tensors inside of sequences cannot be read")
        }
    }

    private func checkDepth(_ depth: Int, _ body: Body) throws {
        guard depth <= Self.typeDepthLimit else {
            throw ModelError(.limit, "values nested more than \(Self.typeDepthLimit) deep", at: ["byte \(body.first.lowerBound)"])
        }
    }

    /// Fields that the schema knows, in the file's order. Others make the message another kind of value.
    private func fields(_ kind: MessageKind, _ body: Body, _ visit: (WireField) throws -> Void) throws {
        var cursor = FieldCursor(bytes, kind, body)
        while let field = try cursor.next() {
            guard field.rule != nil else {
                throw ModelError(.damagedFile, "\(kind.name) has no field \(field.number)", at: ["byte \(field.whole.lowerBound)"])
            }
            try visit(field)
        }
    }

    /// The numbers of one varint or of a packed run.
    private func integers(_ field: WireField) throws -> [Int64] {
        var numbers: [Int64] = [], position = field.value.lowerBound
        while position < field.value.upperBound {
            guard case .value(let number, let next) = Varint.read(bytes, position..<field.value.upperBound) else {
                throw ModelError(.damagedFile, "a packed number is cut off", at: ["byte \(position)"])
            }
            numbers.append(Int64(bitPattern: number))
            position = next
        }
        return numbers
    }
}
