internal import COnnx
internal import ModelGraph
internal import Tensors

extension Decoder {
    /// Throws `.limit` beyond `typeDepthLimit`. A type with fields that this version does not know is kept as bytes.
    func valueType(_ body: Body, depth: Int) throws -> ValueType {
        guard depth <= Self.typeDepthLimit else {
            throw ModelError(.limit, "types nested more than \(Self.typeDepthLimit) deep", at: ["byte \(body.first.lowerBound)"])
        }
        let (m, scan) = try unsafe message(.type, body, as: Onnx__TypeProto.self)
        let denotation = try unsafe name(m.has_denotation, m.denotation)
        // One of them at a time: another kind after the first replaces it, the same kind merges.
        var lastField = 0
        var last: Body?
        try children(.type, body, scan) { field, range in
            if field != lastField { last = nil }
            Body.merge(range, into: &last)
            lastField = field
        }
        guard let last else { return scan.unknown.isEmpty ? ValueType(.none, denotation: denotation) : raw(body) }
        guard let kind = try kind(lastField, last, depth: depth), scan.unknown.isEmpty else { return raw(body) }
        return ValueType(kind, denotation: denotation)
    }

    /// A type that was decoded with its value: nothing or a tensor's, all of it known.
    func tensorType(_ m: UnsafePointer<Onnx__TypeProto>) throws -> ValueType {
        let denotation = try unsafe name(m.pointee.has_denotation, m.pointee.denotation)
        guard unsafe m.pointee.value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE, let tensor = unsafe m.pointee.tensor_type else {
            return ValueType(.none, denotation: denotation)
        }
        let element = unsafe tensor.pointee.has_elem_type == 0 ? nil : ElementType(rawValue: tensor.pointee.elem_type)
        guard let shape = unsafe tensor.pointee.shape else { return ValueType(.tensor(elementType: element, shape: nil), denotation: denotation) }
        let list = unsafe UnsafeBufferPointer(start: shape.pointee.dim, count: shape.pointee.n_dim)
        let dims = try unsafe list.map { dim in
            guard let dim = unsafe dim else { throw changed() }  // protobuf-c fills as many as it counts
            return try unsafe dimension(dim)
        }
        return ValueType(.tensor(elementType: element, shape: Shape(dims)), denotation: denotation)
    }

    private func raw(_ body: Body) -> ValueType {
        ValueType(.raw(body.more.reduce(into: bytes.array(body.first)) { $0 += bytes.array($1) }))
    }

    /// Nil if there are unknown fields in it.
    private func kind(_ field: Int, _ body: Body, depth: Int) throws -> ValueType.Kind? {
        switch field {
        case 1:
            let (m, scan) = try unsafe message(.tensorType, body, as: Onnx__TypeProto__Tensor.self)
            let element = unsafe m.has_elem_type == 0 ? nil : ElementType(rawValue: m.elem_type)
            guard let shape = try shape(.tensorType, body, scan), scan.unknown.isEmpty else { return nil }
            return .tensor(elementType: element, shape: shape)
        case 8:
            let (m, scan) = try unsafe message(.sparseTensorType, body, as: Onnx__TypeProto__SparseTensor.self)
            let element = unsafe m.has_elem_type == 0 ? nil : ElementType(rawValue: m.elem_type)
            guard let shape = try shape(.sparseTensorType, body, scan), scan.unknown.isEmpty else { return nil }
            return .sparseTensor(elementType: element, shape: shape)
        case 7:
            let (m, scan) = try unsafe message(.opaqueType, body, as: Onnx__TypeProto__Opaque.self)
            return try unsafe scan.unknown.isEmpty ? .opaque(domain: name(m.has_domain, m.domain), name: name(m.has_name, m.name)) : nil
        default: return try nested(field, body, depth: depth)
        }
    }

    private func nested(_ field: Int, _ body: Body, depth: Int) throws -> ValueType.Kind? {
        switch field {
        case 4:
            let (_, scan) = try unsafe message(.sequenceType, body, as: Onnx__TypeProto__Sequence.self)
            let inner = try inner(.sequenceType, body, scan, depth: depth)
            return scan.unknown.isEmpty ? .sequence(inner) : nil
        case 9:
            let (_, scan) = try unsafe message(.optionalType, body, as: Onnx__TypeProto__Optional.self)
            let inner = try inner(.optionalType, body, scan, depth: depth)
            return scan.unknown.isEmpty ? .optional(inner) : nil
        default:
            let (m, scan) = try unsafe message(.mapType, body, as: Onnx__TypeProto__Map.self)
            let key = unsafe m.has_key_type == 0 ? nil : ElementType(rawValue: m.key_type)
            let inner = try inner(.mapType, body, scan, depth: depth)
            return scan.unknown.isEmpty ? .map(key: key, value: inner) : nil
        }
    }

    private func inner(_ kind: MessageKind, _ body: Body, _ scan: ScannedMessage, depth: Int) throws -> ValueType? {
        try only(kind, body, scan).map { try valueType($0, depth: depth + 1) }
    }

    /// The one message inside, if there is one.
    private func only(_ kind: MessageKind, _ body: Body, _ scan: ScannedMessage) throws -> Body? {
        var found: Body?
        try children(kind, body, scan) { _, range in Body.merge(range, into: &found) }
        return found
    }

    /// The shape inside, which may be missing; nil if there are unknown fields in it.
    private func shape(_ kind: MessageKind, _ body: Body, _ outer: ScannedMessage) throws -> Shape?? {
        guard let body = try only(kind, body, outer) else { return .some(nil) }
        var (_, scan) = try unsafe message(.shape, body, as: Onnx__TensorShapeProto.self)
        let listed = scan
        var dims: [Dimension] = []
        if memory.hasRoom(for: scan.firstFieldCount, Dimension.self) { dims.reserveCapacity(scan.firstFieldCount) }
        try children(.shape, body, listed) { _, range in
            let (dim, unknown) = try dimension(Body(range))
            dims.append(dim)
            scan.unknown += unknown
        }
        return scan.unknown.isEmpty ? .some(Shape(dims)) : .none
    }

    private func dimension(_ body: Body) throws -> (Dimension, unknown: [UInt8]) {
        let (m, scan) = try unsafe message(.dimension, body, as: Onnx__TensorShapeProto__Dimension.self)
        return try unsafe (withUnsafePointer(to: m) { try unsafe dimension($0) }, scan.unknown)
    }

    private func dimension(_ m: UnsafePointer<Onnx__TensorShapeProto__Dimension>) throws -> Dimension {
        let size: Dimension.Size = switch unsafe m.pointee.value_case {
        case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE: .value(unsafe m.pointee.dim_value)
        case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM: .symbol(try unsafe name(m.pointee.dim_param))
        default: .unknown
        }
        return Dimension(size, denotation: try unsafe name(m.pointee.has_denotation, m.pointee.denotation))
    }
}
