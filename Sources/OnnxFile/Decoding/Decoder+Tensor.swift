internal import COnnx
internal import ModelGraph
internal import Tensors

extension Decoder {
    /// A tensor may have so many dims.
    static let rankLimit = 64

    /// `label` says how messages call it, given its name; nil: the place is known further out.
    @inline(never)
    func tensor(_ body: Body, label: ((Name?) -> String)? = nil) throws -> Tensor {
        let (m, scan) = try unsafe message(.tensor, body, as: Onnx__TensorProto.self)
        let name = try unsafe name(m.has_name, m.name)
        guard let label else { return unsafe try tensor(m, scan, name, body) }
        return try placed(label(name)) { unsafe try tensor(m, scan, name, body) }
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
        var tensor = try unsafe Tensor(
            name: name, type, dims: dims(m.n_dims, m.dims), encoding: .plain(.empty), docString: self.name(m.has_doc_string, m.doc_string),
            origin: TensorOrigin(field: .none, dataLocation: location, unknownFields: scan.unknown))
        guard let count = tensor.elementCount else { throw tooManyElements(tensor.dims) }

        let values = unsafe TensorValues(m, scan, file)
        if location == 1 {
            if let field = values.fields.first { throw ModelError(.invalidGraph, "has its data in another file and in \(field.fieldName)") }
        } else {
            (tensor.encoding, tensor.origin.field) = try values.encoding(type, count: count, dims: tensor.dims)
        }
        // From here on, `m` and `values` are gone: the next message takes their memory.
        guard scan.has(13) || scan.has(16) || location == 1 else { return tensor }
        try children(.tensor, body) { field, range in
            if field == 13 { tensor.origin.externalData.append(try entry(range)) } else { tensor.metadata.append(try entry(range)) }
        }
        if location == 1 {
            tensor.encoding = .plain(try external(tensor))
            tensor.origin.field = .external
        }
        return tensor
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
        try children(.sparseTensor, body) { field, range in
            if field == 1 { Body.merge(range, into: &values) } else { Body.merge(range, into: &indices) }
        }
        if let values { sparse.values = try tensor(values) { name in "values\(name.map { " '\($0)'" } ?? "")" } }
        if let indices { sparse.indices = try tensor(indices) { _ in "indices" } }
        return sparse
    }
}
