internal import COnnx
internal import ModelGraph
internal import Tensors

extension MessageBuilder {
    typealias TensorMessage = UnsafeMutablePointer<Onnx__TensorProto>

    func tensor(_ tensor: Tensor) throws -> TensorMessage {
        let m = unsafe try arena.create(.tensor, as: Onnx__TensorProto.self)
        unsafe (m.pointee.n_dims, m.pointee.dims) = unsafe (tensor.dims.count, try array(tensor.dims.map { Int64($0) }))
        unsafe (m.pointee.has_data_type, m.pointee.data_type) = (1, tensor.elementType.rawValue)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(tensor.name)
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(tensor.docString)
        unsafe (m.pointee.n_metadata_props, m.pointee.metadata_props) = unsafe (tensor.metadata.count, try list(tensor.metadata, entry))
        unsafe try unknown(tensor.origin.unknownFields, of: .tensor, in: &m.pointee.base)
        if case .strings(let strings) = tensor.encoding {
            unsafe try set(strings, count: tensor.elementCount, m)
            unsafe try setLocation(tensor.origin, m)
            return unsafe m
        }
        let bytes = try plainValues(of: tensor)
        if let needed = tensor.plainByteCount, needed != bytes.count {
            throw ModelError(.badArgument, "has \(bytes.count) bytes, dims \(tensor.dims) of \(tensor.elementType) need \(needed)")
        }
        if let place = try writer.externalPlace(of: bytes) {
            unsafe try set(place, m)
        } else {
            unsafe try set(bytes, tensor, m)
            unsafe try setLocation(tensor.origin, m)
        }
        return unsafe m
    }

    /// The values as ONNX's `raw_data` has them. Encodings other than plain are decoded here.
    private func plainValues(of tensor: Tensor) throws -> TensorBytes {
        if case .plain(let bytes) = tensor.encoding { return bytes }
        return try tensor.plainBytes()
    }

    /// Where the source says its values are. What was in another file and is not any more says so, as Python's `onnx` does.
    private func setLocation(_ origin: TensorOrigin, _ m: TensorMessage) throws {
        let location = origin.field == .external ? 0 : origin.dataLocation
        // Its readers would go to whatever file the entries name, in place of the values.
        guard location != 1 else {
            throw ModelError(.badArgument, "says that its values are in another file (data_location 1), and that they came from \(origin.field.fieldName)")
        }
        if let location {
            unsafe (m.pointee.has_data_location, m.pointee.data_location) = (1, Onnx__TensorProto__DataLocation(rawValue: UInt32(bitPattern: location)))
        }
        guard origin.field != .external else { return }
        unsafe (m.pointee.n_external_data, m.pointee.external_data) = unsafe (origin.externalData.count, try list(origin.externalData, entry))
    }

    private func set(_ place: ExternalDataWriter.Place, _ m: TensorMessage) throws {
        let entries = [
            KeyValue(key: "location", value: place.location), KeyValue(key: "offset", value: Name("\(place.offset)")),
            KeyValue(key: "length", value: Name("\(place.byteCount)")),
        ]
        unsafe (m.pointee.has_data_location, m.pointee.data_location) = (1, ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        unsafe (m.pointee.n_external_data, m.pointee.external_data) = unsafe (entries.count, try list(entries, entry))
    }

    private func set(_ strings: StringList, count: Int?, _ m: TensorMessage) throws {
        guard case .plain(let endBytes) = strings.ends.encoding else { throw ModelError(.badArgument, "the ends of its strings are not plain") }
        let ends = try endBytes.array().words(of: UInt64.self)
        guard ends.count == count else {
            throw ModelError(.badArgument, "has \(ends.count) strings, its dims need \(count.map(String.init) ?? "too many")")
        }
        let joined = unsafe try data(strings.joined.array())
        var elements: [ProtobufCBinaryData] = unsafe []
        unsafe elements.reserveCapacity(ends.count)
        var start = 0
        for end in ends {
            guard let end = Int(exactly: end), end >= start, unsafe end <= joined.len else {
                throw ModelError(.badArgument, unsafe "string \(elements.count) ends at \(end), expected \(start) to \(joined.len)")
            }
            unsafe elements.append(ProtobufCBinaryData(len: end - start, data: joined.data.map { unsafe $0 + start }))
            start = end
        }
        unsafe (m.pointee.n_string_data, m.pointee.string_data) = unsafe (elements.count, try array(elements))
    }

    private func set(_ bytes: TensorBytes, _ tensor: Tensor, _ m: TensorMessage) throws {
        let (type, field) = (tensor.elementType, tensor.origin.field)
        if field == .none, bytes.count == 0 { return }
        guard field == type.valueField, let count = tensor.elementCount else {
            unsafe (m.pointee.has_raw_data, m.pointee.raw_data) = unsafe (1, try writer.payload(bytes))
            return
        }
        let entries = type.entryCount(elements: count)
        switch field {
        case .floats:
            let values = unsafe try writer.payload(bytes).data
            unsafe (m.pointee.n_float_data, m.pointee.float_data) = unsafe (entries, UnsafeMutableRawPointer(values)?.assumingMemoryBound(to: Float.self))
        case .doubles:
            let values = unsafe try writer.payload(bytes).data
            unsafe (m.pointee.n_double_data, m.pointee.double_data) = unsafe (entries, UnsafeMutableRawPointer(values)?.assumingMemoryBound(to: Double.self))
        case .int64s: unsafe (m.pointee.n_int64_data, m.pointee.int64_data) = unsafe (entries, try array(bytes.array().words(of: Int64.self)))
        case .uint64s: unsafe (m.pointee.n_uint64_data, m.pointee.uint64_data) = unsafe (entries, try array(uint64s(bytes.array(), type)))
        default: unsafe (m.pointee.n_int32_data, m.pointee.int32_data) = unsafe (entries, try array(int32s(bytes.array(), type, count: count)))
        }
    }

    private func uint64s(_ bytes: [UInt8], _ type: ElementType) -> [UInt64] {
        type == .uint64 ? bytes.words(of: UInt64.self) : bytes.words(of: UInt32.self).map { UInt64($0) }
    }

    private func int32s(_ bytes: [UInt8], _ type: ElementType, count: Int) -> [Int32] {
        switch type {
        case .int32: bytes.words(of: Int32.self)
        case .int16: bytes.words(of: Int16.self).map { Int32($0) }
        case .int8: bytes.map { Int32(Int8(bitPattern: $0)) }
        default:
            switch type.bitWidth {
            case 16: bytes.words(of: UInt16.self).map { Int32($0) }
            case 6: SixBits.unpack(bytes, count: count)
            default: bytes.map { Int32($0) }
            }
        }
    }

    func sparseTensor(_ sparse: SparseTensor) throws -> UnsafeMutablePointer<Onnx__SparseTensorProto> {
        let m = unsafe try arena.create(.sparseTensor, as: Onnx__SparseTensorProto.self)
        if let values = sparse.values { unsafe m.pointee.values = unsafe try within("values") { unsafe try tensor(values) } }
        if let indices = sparse.indices { unsafe m.pointee.indices = unsafe try within("indices") { unsafe try tensor(indices) } }
        unsafe (m.pointee.n_dims, m.pointee.dims) = unsafe (sparse.dims.count, try array(sparse.dims.map { Int64($0) }))
        unsafe try unknown(sparse.unknownFields, of: .sparseTensor, in: &m.pointee.base)
        return unsafe m
    }
}

extension [UInt8] {
    /// These bytes as little-endian numbers; a rest that is too short for one is left out.
    func words<T: FixedWidthInteger & BitwiseCopyable>(of type: T.Type) -> [T] {
        let width = MemoryLayout<T>.size
        return unsafe withUnsafeBytes { bytes in
            (0..<count / width).map { unsafe T(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * width, as: T.self)) }
        }
    }
}
