internal import Tensors

/// DequantizeLinear of the default domain and of com.microsoft, all versions: y = (x - zero point) * scale, in binary32, rounded once.
enum Dequantizing {
    static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), scale = try call.tensor(1), zero = try call.optionalTensor(2)
        let type = try call.elementType("output_dtype") ?? scale.elementType
        guard type.isReal else { throw ModelError(.invalidGraph, "the output would be \(type), a float type is needed: set attribute 'output_dtype'") }
        if let zero {
            try call.checkSameType(x, zero)
            try Quantizing.checkZero(zero, scale)
        }
        guard let size = checkedMultiply(x.elementCount ?? 0, 8) else { throw ModelError(.limit, "\(x.dims) is too large for a tensor") }
        try call.environment.checkAllocation(size / 2)
        let grid = try QuantizationGrid(call, input: x.dims, scale: scale.dims)
        if type == .double { return [.tensor(try dequantize(x, scale, zero, grid, Double.self, type))] }
        switch x.elementType {
        case .int8, .int4, .int2: return [.tensor(try small(x.unpackedElements(as: Int8.self), x, scale, zero?.unpackedElements(), grid, type))]
        case .uint8, .uint4, .uint2: return [.tensor(try small(x.unpackedElements(as: UInt8.self), x, scale, zero?.unpackedElements(), grid, type))]
        default: return [.tensor(try dequantize(x, scale, zero, grid, Float.self, type))]
        }
    }

    /// Integers of at most 8 bits, without a copy as floats.
    private static func small<T: Number & FixedWidthInteger>(
        _ source: Elements<T>, _ x: Tensor, _ scale: Tensor, _ zeros: Elements<T>?, _ grid: QuantizationGrid, _ type: ElementType
    ) throws -> Tensor {
        let scales = try scale.converted(to: Float.self), zeros = zeros?.array, result = try NewElements<Float>(source.count)
        unsafe source.withUnsafeBuffer { source in
            unsafe scales.withUnsafeBuffer { scales in
                unsafe result.withUnsafeBuffer { result in
                    grid.forEachRun { start, count, first, step in
                        if step == 0 {
                            let zero = zeros.map { Int32($0[first]) } ?? 0, scale = unsafe scales[first]
                            for index in start..<start + count { unsafe result[index] = Float(Int32(source[index]) - zero) * scale }
                        } else {
                            for index in 0..<count {
                                let zero = zeros.map { Int32($0[first + index]) } ?? 0
                                unsafe result[start + index] = Float(Int32(source[start + index]) - zero) * scales[first + index]
                            }
                        }
                    }
                }
            }
        }
        return try .rounding(result, to: type, x.dims)
    }

    private static func dequantize<R: Real>(
        _ x: Tensor, _ scale: Tensor, _ zero: Tensor?, _ grid: QuantizationGrid, _ real: R.Type, _ type: ElementType
    ) throws -> Tensor {
        let source = try x.converted(to: R.self), scales = try scale.converted(to: R.self), zeros = try zero?.converted(to: R.self).array
        let result = try NewElements<R>(source.count)
        unsafe source.withUnsafeBuffer { source in
            unsafe scales.withUnsafeBuffer { scales in
                unsafe result.withUnsafeBuffer { result in
                    grid.forEachRun { start, count, first, step in
                        for index in 0..<count {
                            let zero = zeros.map { $0[first + index * step] } ?? 0
                            unsafe result[start + index] = (source[start + index] - zero) * scales[first + index * step]
                        }
                    }
                }
            }
        }
        return try R.tensor(result, type, x.dims)
    }
}
