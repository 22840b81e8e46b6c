internal import Operators
internal import Tensors

/// `.npy`: one array in a file. Pickled objects are never read.
enum NumpyArray {
    /// The array that makes up all of `bytes`. Numbers in the machine's order stay where they are.
    static func read(_ bytes: TensorBytes) throws -> Tensor {
        let header = try NumpyHeader(bytes)
        guard let count = elementCount(of: header.dims) else { throw ModelError(.limit, "dims \(header.dims) are more than 2^48 elements") }
        let width = header.elements.width
        guard let size = checkedMultiply(count, width), size == bytes.count - header.byteCount else {
            throw ModelError(.damagedFile, "dims \(header.dims) of \(width) bytes each do not take the \(bytes.count - header.byteCount) bytes behind the header")
        }
        var data = bytes.slice(header.byteCount..<bytes.count)
        if header.isBigEndian, header.elements.unit > 1 { data = try swapped(data, unit: header.elements.unit) }
        if header.isFortranOrder, header.dims.count > 1 { data = try rowMajor(data, header.dims, width: width) }
        switch header.elements {
        case .numbers(let type):
            if type == .bool { try checkTruths(data) }
            return Tensor(type, dims: header.dims, bytes: data)
        case .bytes, .text:
            let strings = try strings(data, header.elements, count: count)
            return Tensor(.string, dims: header.dims, encoding: .strings(StringList(strings)))
        }
    }

    private static func swapped(_ data: TensorBytes, unit: Int) throws -> TensorBytes {
        var bytes = try data.array()
        for start in stride(from: 0, to: bytes.count, by: unit) { bytes[start..<start + unit].reverse() }
        return TensorBytes(bytes)
    }

    /// Fortran's order has the first index run fastest.
    private static func rowMajor(_ data: TensorBytes, _ dims: [Int], width: Int) throws -> TensorBytes {
        let source = try data.array()
        var target = [UInt8](repeating: 0, count: source.count)
        var strides = [Int](repeating: width, count: dims.count)
        for axis in 1..<dims.count { strides[axis] = strides[axis - 1] * dims[axis - 1] }
        var index = [Int](repeating: 0, count: dims.count), offset = 0
        for start in stride(from: 0, to: target.count, by: width) {
            for byte in 0..<width { target[start + byte] = source[offset + byte] }
            for axis in dims.indices.reversed() {
                index[axis] += 1
                offset += strides[axis]
                if index[axis] < dims[axis] { break }
                offset -= strides[axis] * dims[axis]
                index[axis] = 0
            }
        }
        return TensorBytes(target)
    }

    private static func checkTruths(_ data: TensorBytes) throws {
        try data.forEachPiece { piece in
            for index in 0..<piece.byteCount {
                let byte = unsafe piece.unsafeLoad(fromByteOffset: index, as: UInt8.self)
                guard byte <= 1 else { throw ModelError(.damagedFile, "a boolean is \(byte), 0 and 1 are allowed") }
            }
        }
    }

    private static func strings(_ data: TensorBytes, _ elements: NumpyHeader.Elements, count: Int) throws -> [[UInt8]] {
        // Elements of no bytes: what they are is known, how many there may be is not bounded by the file.
        guard count <= max(1 << 20, data.count) else { throw ModelError(.limit, "\(count) strings of no length") }
        let bytes = try data.array(), width = elements.width
        return try (0..<count).map { index in
            let element = bytes[index * width..<(index + 1) * width]
            guard case .text = elements else { return Array(element[..<(element.lastIndex { $0 != 0 }.map { $0 + 1 } ?? element.startIndex)]) }
            var text = String.UnicodeScalarView()
            for start in stride(from: element.startIndex, to: element.endIndex, by: 4) {
                let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(element[start + $1]) << UInt32(8 * $1) }
                guard let scalar = Unicode.Scalar(value) else { throw ModelError(.damagedFile, "string \(index) holds \(value), which is no Unicode scalar") }
                text.append(scalar)
            }
            while text.last?.value == 0 { text.removeLast() }
            return Array(String(text).utf8)
        }
    }
}

// MARK: - writing

extension NumpyArray {
    /// The header of the `.npy` file of `tensor` and its elements. What NumPy has no type for is widened without loss: small floats to
    /// float32, integers below 8 bits to int8 and uint8. Strings that are all UTF-8 are written as text, others as bytes.
    static func file(_ tensor: Tensor) throws -> (header: [UInt8], data: TensorBytes) {
        if case .strings(let list) = tensor.encoding {
            let (descr, data) = paddedStrings(try list.strings())
            return (header(descr, tensor.dims), TensorBytes(data))
        }
        let tensor = try widened(tensor)
        guard let code = NumpyHeader.types.first(where: { $0.value == tensor.elementType })?.key else {
            throw ModelError(.unsupported, "\(tensor.elementType) values cannot be written to .npy")
        }
        return (header((tensor.elementType.storageWidth == 1 ? "|" : "<") + code, tensor.dims), try tensor.plainBytes())
    }

    private static func widened(_ tensor: Tensor) throws -> Tensor {
        let type = tensor.elementType
        switch type {
        case .int4, .int2: return Tensor(.int8, dims: tensor.dims, bytes: TensorBytes(try tensor.unpacked(isSigned: true)))
        case .uint4, .uint2: return Tensor(.uint8, dims: tensor.dims, bytes: TensorBytes(try tensor.unpacked(isSigned: false)))
        case .float, .double, .float16: return tensor
        default:
            guard type.isFloat else { return tensor }
            let values = try tensor.floats("it")
            let result = try NewElements<Float>(values.count)
            for index in 0..<values.count { result[index] = values[index] }
            return result.tensor(.float, tensor.dims)
        }
    }

    private static func paddedStrings(_ strings: [[UInt8]]) -> (descr: String, [UInt8]) {
        let texts = strings.map { String(validating: $0, as: UTF8.self)?.unicodeScalars.map(\.value) }
        if texts.contains(where: { $0 == nil }) {
            let width = max(1, strings.map(\.count).max() ?? 0)
            return ("|S\(width)", strings.flatMap { $0 + [UInt8](repeating: 0, count: width - $0.count) })
        }
        let width = max(1, texts.map { $0?.count ?? 0 }.max() ?? 0)
        var data: [UInt8] = []
        for case let text? in texts {
            for value in text + [UInt32](repeating: 0, count: width - text.count) {
                for shift in [0, 8, 16, 24] as [UInt32] { data.append(UInt8(truncatingIfNeeded: value >> shift)) }
            }
        }
        return ("<U\(width)", data)
    }

    /// The array begins at a multiple of 64 bytes, as NumPy writes it.
    private static func header(_ descr: String, _ dims: [Int]) -> [UInt8] {
        let shape = dims.map { "\($0)" }.joined(separator: ", ") + (dims.count == 1 ? "," : "")
        var text = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(shape)), }".utf8)
        while (10 + text.count + 1) % 64 != 0 { text.append(0x20) }
        text.append(0x0a)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(truncatingIfNeeded: text.count), UInt8(truncatingIfNeeded: text.count >> 8)] + text
    }
}

extension Tensor {
    /// Elements of 4 or 2 bits one per byte.
    fileprivate func unpacked(isSigned: Bool) throws -> [UInt8] {
        let bits = elementType.bitWidth ?? 8, perByte = 8 / bits, bytes = try plainBytes().array()
        return (0..<(elementCount ?? 0)).map { index in
            let code = bytes[index / perByte] >> UInt8(index % perByte * bits) & (1 << UInt8(bits) - 1)
            return isSigned && code >> UInt8(bits - 1) == 1 ? code | ~(1 << UInt8(bits) - 1) : code
        }
    }
}
