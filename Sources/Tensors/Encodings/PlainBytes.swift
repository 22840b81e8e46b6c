extension Tensor {
    /// The values as plain little-endian elements, packed as ONNX packs them. An encoded tensor is decoded when, and as far
    /// as, the result is read. Throws if the encoding breaks a rule of the file format, and for strings, which have no such form.
    public func plainBytes() throws -> TensorBytes {
        try checkEncoding()
        if case .plain(let bytes) = encoding { return bytes }
        guard let elements = elementCount, let bits = elementType.bitWidth, let count = plainByteCount else {
            throw ModelError(.badArgument, "\(elementType) values have no plain bytes")
        }
        if case .transposed(let transposed) = encoding { return TensorBytes(try TransposedSource(transposed, dims: dims), 0..<count) }
        return TensorBytes(DecodedTensor(try elementDecoder(), elements: elements, bits: bits, count: count), 0..<count)
    }

    /// Throws if the values are not what the element type, the dims and the rules of the encoding ask for (file format, section 4).
    /// Looks at sizes only.
    public func checkEncoding() throws {
        guard dims.count <= 64 else { throw ModelError(.damagedFile, "has rank \(dims.count), the limit is 64") }
        guard let count = elementCount else { throw ModelError(.damagedFile, "dims \(dims) leave the limit of 2^48 elements") }
        guard elementType.isKnown else { throw ModelError(.unsupported, "has \(elementType), which this version does not know") }
        switch encoding {
        case .plain(let bytes):
            if elementType == .undefined {
                guard count == 0, bytes.count == 0 else { throw ModelError(.damagedFile, "has values of type UNDEFINED, of which there can be none") }
                return
            }
            guard elementType != .string else { throw ModelError(.damagedFile, "has STRING values that are not a list of strings") }
            guard let size = elementType.byteCount(elements: count) else {
                throw ModelError(.damagedFile, "\(elementType) values of dims \(dims) leave 64 bits")
            }
            guard bytes.count == size else {
                throw ModelError(.damagedFile, "\(elementType) values of dims \(dims) take \(size) bytes, the data has \(bytes.count)")
            }
        case .strings(let strings): try strings.check(dims: dims, elementType: elementType)
        case .affine(let affine): try affine.check(dims: dims, elementType: elementType)
        case .palette(let palette): try palette.check(dims: dims, elementType: elementType)
        case .bitmask(let bitmask): try bitmask.check(dims: dims, elementType: elementType)
        case .gaps(let gaps): try gaps.check(dims: dims, elementType: elementType)
        case .transposed(let transposed): try transposed.check(dims: dims, elementType: elementType)
        }
    }

    /// A reader of any range of the elements. The encoding was checked.
    package func elementDecoder() throws -> any ElementDecoder {
        switch encoding {
        case .affine(let affine): return try AffineDecoder(affine, dims: dims, elementType: elementType)
        case .palette(let palette): return try PaletteDecoder(palette, dims: dims, elementType: elementType)
        case .bitmask(let bitmask): return try BitmaskDecoder(bitmask, elements: elementCount ?? 0)
        case .gaps(let gaps): return try GapsDecoder(gaps, elements: elementCount ?? 0)
        case .plain, .transposed: return PlainElements(try plainBytes(), bits: elementType.bitWidth ?? 8)
        case .strings: throw ModelError(.badArgument, "STRING values have no plain bytes")
        }
    }

    /// For messages, when a component has another encoding than its user allows.
    var encodingName: String {
        switch encoding {
        case .plain: "plain"
        case .strings: "StringList"
        case .affine: "Affine"
        case .palette: "Palette"
        case .bitmask: "Bitmask"
        case .gaps: "Gaps"
        case .transposed: "Transposed"
        }
    }
}
