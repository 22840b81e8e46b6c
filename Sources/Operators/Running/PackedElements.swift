package import Tensors

extension Tensor {
    /// The elements one per byte. INT4 and INT2 get their sign extended (take them as Int8), the other types of fewer than 8 bits
    /// zeros above; types of 8 bits are as they are.
    package func unpackedElements<T: Element & FixedWidthInteger>(as type: T.Type = T.self) throws -> Elements<T> {
        guard let bits = elementType.bitWidth, bits <= 8, let count = elementCount, MemoryLayout<T>.size == 1 else {
            throw ModelError(.internalFault, "\(elementType) has no elements of one byte")
        }
        if bits == 8 { return try elements(as: T.self) }
        let result = try NewElements<T>(count), isSigned = elementType == .int4 || elementType == .int2
        try unsafe plainBytes().withUnsafeBytes { bytes in
            unsafe result.withUnsafeBuffer { target in unsafe unpack(bytes, bits: bits, isSigned: isSigned, into: target) }
        }
        return try result.finished
    }

    /// Elements one per byte as a tensor of a type of at most 8 bits; of each the low bits are taken.
    package static func packing<T: Element & FixedWidthInteger>(_ values: NewElements<T>, to type: ElementType, _ dims: [Int]) throws -> Tensor {
        guard let bits = type.bitWidth, bits <= 8, MemoryLayout<T>.size == 1, let size = type.byteCount(elements: values.count) else {
            throw ModelError(.internalFault, "\(type) is not packed")
        }
        if bits == 8 { return values.tensor(type, dims) }
        let packed = try NewElements<UInt8>(size, filledWith: 0), mask = UInt8(1) << UInt8(bits) - 1
        unsafe values.withUnsafeBuffer { values in
            unsafe packed.withUnsafeBuffer { bytes in
                var bit = 0
                for index in 0..<values.count {
                    let code = unsafe UInt8(truncatingIfNeeded: values[index]) & mask, shift = bit & 7
                    unsafe bytes[bit >> 3] |= code << UInt8(shift)
                    if shift + bits > 8 { unsafe bytes[bit >> 3 + 1] |= code >> UInt8(8 - shift) }
                    bit += bits
                }
            }
        }
        return Tensor(type, dims: dims, bytes: TensorBytes(packed.memory))
    }
}

/// Codes of fewer than 8 bits, low bits first; the bytes hold as many as `target` takes.
private func unpack<T: Element & FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, bits: Int, isSigned: Bool, into target: UnsafeMutableBufferPointer<T>
) {
    precondition(bytes.count >= ceilDivide(target.count * bits, 8), "too few packed bytes")
    let mask = UInt8(1) << UInt8(bits) - 1, signBit: UInt8 = isSigned ? 1 << UInt8(bits - 1) : 0
    var bit = 0
    for index in 0..<target.count {
        let shift = bit & 7
        var code = unsafe bytes[bit >> 3] >> UInt8(shift)
        if shift + bits > 8 { unsafe code |= bytes[bit >> 3 + 1] << UInt8(8 - shift) }
        unsafe target[index] = T(truncatingIfNeeded: ((code & mask) ^ signBit) &- signBit)
        bit += bits
    }
}
