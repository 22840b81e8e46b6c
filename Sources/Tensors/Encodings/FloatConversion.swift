internal import CKernels

/// Conversions between binary32 and the small float types, the same on every machine: round to nearest, ties to even,
/// overflow to infinity, every NaN to the one quiet NaN without a sign.
package enum FloatConversion {
    /// True for the types that `toFloat` reads.
    package static func reads(_ type: ElementType) -> Bool {
        [.float, .float16, .bfloat16, .float8e8m0].contains(type)
    }

    /// Little-endian elements as floats; `type` is one that `reads` knows.
    package static func toFloat(_ bytes: UnsafeRawBufferPointer, _ type: ElementType, into target: UnsafeMutableBufferPointer<Float>) {
        guard let from = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), let to = target.baseAddress else { return }
        switch type {
        case .float16: unsafe thimble_half_to_float(from, target.count, to)
        case .bfloat16: unsafe thimble_bfloat_to_float(from, target.count, to)
        case .float8e8m0: unsafe thimble_e8m0_to_float(from, target.count, to)
        default:
            precondition(type == .float, "a type that is not read as floats")
            for index in 0..<target.count {
                unsafe target[index] = Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
            }
        }
    }

    /// Floats as little-endian FLOAT, FLOAT16, BFLOAT16 or DOUBLE elements.
    package static func fromFloat(_ values: UnsafeBufferPointer<Float>, _ type: ElementType, into target: UnsafeMutableRawBufferPointer) {
        guard let from = values.baseAddress, let to = target.baseAddress else { return }
        switch type {
        case .float16: unsafe thimble_float_to_half(from, values.count, to.assumingMemoryBound(to: UInt8.self))
        case .bfloat16: unsafe thimble_float_to_bfloat(from, values.count, to.assumingMemoryBound(to: UInt8.self))
        case .double:
            for index in 0..<values.count {
                unsafe target.storeBytes(of: Double(values[index]).bitPattern.littleEndian, toByteOffset: index * 8, as: UInt64.self)
            }
        default:
            precondition(type == .float, "a type that is not made from floats")
            for index in 0..<values.count {
                unsafe target.storeBytes(of: values[index].bitPattern.littleEndian, toByteOffset: index * 4, as: UInt32.self)
            }
        }
    }
}
