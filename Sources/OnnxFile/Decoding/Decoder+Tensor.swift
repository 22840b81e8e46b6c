internal import COnnx
internal import ModelGraph
internal import Tensors

extension Decoder {
    /// A tensor may have so many dims.
    static let rankLimit = 64

    /// How messages call a tensor.
    enum TensorLabel {
        case initializer(Int)
        case values, indices

        func text(_ name: Name?) -> String {
            switch self {
            case .initializer(let index): "initializer \(name.map { "'\($0)'" } ?? "\(index)")"
            case .values: "values\(name.map { " '\($0)'" } ?? "")"
            case .indices: "indices"
            }
        }
    }

    /// Without a label, the place is known further out.
    @inline(never)
    func tensor(_ body: Body, label: TensorLabel? = nil) throws -> Tensor {
        let (m, scan) = try unsafe message(.tensor, body, as: Onnx__TensorProto.self)
        let name = try unsafe name(m.has_name, m.name)
        guard let label else { return unsafe try tensor(m, scan, name, body) }
        return try placed(label.text(name)) { unsafe try tensor(m, scan, name, body) }
    }

    private func tensor(_ m: Onnx__TensorProto, _ scan: ScannedMessage, _ name: Name?, _ body: Body) throws -> Tensor {
        if scan.has(3) { throw ModelError(.unsupported, "is a segment of a larger tensor, which no version of ONNX ever defined") }
        guard unsafe m.has_data_type != 0 else { throw ModelError(.invalidGraph, "has no data_type") }
        let type = unsafe ElementType(rawValue: m.data_type)
        guard type != .undefined else { throw ModelError(.invalidGraph, "its data_type is 0 (UNDEFINED)") }
        let location = unsafe m.has_data_location == 0 ? nil : Int32(bitPattern: m.data_location.rawValue)
        guard location ?? 0 == 0 || location == 1 else {
            throw ModelError(.unsupported, "its data_location is \(location ?? 0), this version knows 0 (DEFAULT) and 1 (EXTERNAL)")
        }
        let dims = try unsafe dims(m.n_dims, m.dims)
        guard let count = elementCount(of: dims) else { throw tooManyElements(dims) }
        let docString = try unsafe self.name(m.has_doc_string, m.doc_string)
        let encoding: Encoding, field: TensorOrigin.Field
        if let raw = scan.raw, location != 1, type != .string, !TensorValues.hasFields(scan) {
            (encoding, field) = (.plain(try rawValues(raw, type, count, dims)), .raw)
        } else {
            let values = unsafe TensorValues(m, scan, self)
            if location != 1 {
                (encoding, field) = try values.encoding(type, count: count, dims: dims)
            } else if let first = values.fields.first {
                throw ModelError(.invalidGraph, "has its data in another file and in \(first.fieldName)")
            } else {
                (encoding, field) = (.plain(.empty), .none)
            }
        }
        let tensor = Tensor(
            name: name, type, dims: dims, encoding: encoding, docString: docString,
            origin: TensorOrigin(field: field, dataLocation: location, unknownFields: scan.unknown))
        // From here on, `m` and `values` are gone: the next message takes their memory.
        return scan.has(13) || scan.has(16) || location == 1 ? try completed(tensor, body, scan) : tensor
    }

    /// With the messages inside, and with what lies in another file.
    @inline(never)
    private func completed(_ header: Tensor, _ body: Body, _ scan: ScannedMessage) throws -> Tensor {
        var tensor = header
        try children(.tensor, body, scan) { field, range in
            if field == 13 { tensor.origin.externalData.append(try entry(range)) } else { tensor.metadata.append(try entry(range)) }
        }
        if tensor.origin.dataLocation == 1 {
            tensor.encoding = .plain(try external(tensor))
            tensor.origin.field = .external
        }
        return tensor
    }

    func rawValues(_ range: Range<Int>, _ type: ElementType, _ count: Int, _ dims: [Int]) throws -> TensorBytes {
        // Without a known width there is nothing to compare with.
        if type.isKnown, let needed = type.byteCount(elements: count), needed != range.count {
            throw ModelError(.invalidGraph, "raw_data has \(range.count) bytes, dims \(dims) of \(type) need \(needed)")
        }
        return try smallValues.copy(range, of: type) ?? TensorBytes(file, range)
    }

    private func external(_ tensor: Tensor) throws -> TensorBytes {
        guard tensor.elementType != .string else {
            throw ModelError(.invalidGraph, "a STRING tensor with its data in another file, which ONNX does not allow")
        }
        let place = try ExternalPlace(tensor.origin.externalData, warn: warn)
        guard let needed = tensor.plainByteCount ?? place.length else {
            throw ModelError(.unsupported, "its data type \(tensor.elementType.rawValue) is unknown, so external data needs a length")
        }
        guard place.length ?? needed == needed else {
            throw ModelError(
                .invalidGraph, "external data has length \(place.length ?? 0), dims \(tensor.dims) of \(tensor.elementType) need \(needed)")
        }
        return try externalData.bytes(place, count: needed)
    }

    /// Dims of a tensor, each at least 0.
    func dims(_ count: Int, _ list: UnsafeMutablePointer<Int64>?) throws -> [Int] {
        guard count <= Self.rankLimit else { throw ModelError(.limit, "has \(count) dims, the limit is \(Self.rankLimit)") }
        let dims = unsafe UnsafeBufferPointer(start: list, count: count).map { Int($0) }
        if dims.contains(where: { $0 < 0 }) { throw ModelError(.invalidGraph, "dims \(dims) hold a negative one") }
        return dims
    }

    private func tooManyElements(_ dims: [Int]) -> ModelError {
        ModelError(.limit, "dims \(dims) are more than 281474976710656 (2^48) elements")
    }

    func sparseTensor(_ body: Body) throws -> SparseTensor {
        let (m, scan) = try unsafe message(.sparseTensor, body, as: Onnx__SparseTensorProto.self)
        var sparse = SparseTensor(values: nil, indices: nil, dims: try unsafe dims(m.n_dims, m.dims), unknownFields: scan.unknown)
        var values: Body?, indices: Body?
        try children(.sparseTensor, body, scan) { field, range in
            if field == 1 { Body.merge(range, into: &values) } else { Body.merge(range, into: &indices) }
        }
        if let values { sparse.values = try tensor(values, label: .values) }
        if let indices { sparse.indices = try tensor(indices, label: .indices) }
        return sparse
    }
}
