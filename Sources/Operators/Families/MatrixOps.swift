internal import ModelGraph
internal import Tensors

/// MatMul and its relatives on tensors.
enum MatrixOps {
    /// a·b by NumPy's rule, of any type that ONNX's MatMul takes. `scale` multiplies the result.
    static func product(_ call: Call, _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false, scale: Float = 1) throws -> Tensor {
        guard a.elementType == b.elementType else {
            throw ModelError(.invalidGraph, "cannot multiply \(a.elementType) with \(b.elementType): one type is needed")
        }
        let shape = try MatrixShape(a.dims, b.dims, transposeA: transposeA, transposeB: transposeB)
        let type = a.elementType
        switch type {
        case .double, .float, .float16, .bfloat16:
            return type == .double ? try reals(call, shape, a, b, scale, Double.self) : try reals(call, shape, a, b, scale, Float.self)
        case .int32: return try integers(call, shape, a, b, Int32.self)
        case .int64: return try integers(call, shape, a, b, Int64.self)
        case .uint32: return try integers(call, shape, a, b, UInt32.self)
        case .uint64: return try integers(call, shape, a, b, UInt64.self)
        default: throw ModelError(.unsupported, "cannot multiply matrices of \(type)")
        }
    }

    private static func reals<T: RealElement>(_ call: Call, _ shape: MatrixShape, _ a: Tensor, _ b: Tensor, _ scale: Float, _: T.Type) throws -> Tensor {
        let result = try call.newElements(shape.dims, T.self)
        try shape.multiply(T.load(a, "the left matrix"), T.load(b, "the right matrix"), into: result, threads: call.environment.threads)
        if scale != 1 { unsafe result.withPointer { for i in 0..<result.count { unsafe $0[i] *= T(scale) } } }
        return try T.store(result, as: a.elementType, shape.dims)
    }

    private static func integers<T: Multipliable>(_ call: Call, _ shape: MatrixShape, _ a: Tensor, _ b: Tensor, _: T.Type) throws -> Tensor {
        let result = try call.newElements(shape.dims, T.self)
        try shape.multiply(a.elements(as: T.self), b.elements(as: T.self), into: result, threads: call.environment.threads)
        return result.tensor(a.elementType, shape.dims)
    }

    /// a·b of INT8 or UINT8 less their zero points; the zero points of a may be one per row, of b one per column.
    static func integerProduct(_ call: Call, _ a: Tensor, zeroA: Tensor?, _ b: Tensor, zeroB: Tensor?) throws -> (NewElements<Int32>, MatrixShape) {
        let shape = try MatrixShape(a.dims, b.dims)
        let left = try Quantized.centred(a, zeroA, axis: a.dims.count - 2, "the left matrix")
        let right = try Quantized.centred(b, zeroB, axis: b.dims.count - 1, "the right matrix")
        let result = try call.newElements(shape.dims, Int32.self)
        unsafe try left.withPointer { a in
            unsafe try right.withPointer { b in
                unsafe try result.withPointer { c in
                    nonisolated(unsafe) let c = unsafe c
                    let rows = max(12, ceilDivide(shape.m, max(1, call.environment.threads)))
                    let isSmall = shape.m * shape.n < 4096
                    for index in shape.aOffsets.indices {
                        let whole = unsafe shape.product(index, a, b, UnsafeMutablePointer(mutating: a))
                        try concurrently(ceilDivide(shape.m, rows), threads: isSmall ? 1 : call.environment.threads) { part in
                            let first = part * rows
                            let target = unsafe c + (index * shape.m + first) * shape.n
                            unsafe try multiplyExactly(whole.rows(first..<min(shape.m, first + rows)), into: target, cRow: shape.n)
                        }
                    }
                }
            }
        }
        return (result, shape)
    }
}

/// Numbers with a scale and a zero point.
enum Quantized {
    /// The elements of an INT8 or UINT8 tensor as floats, less their zero points: one, or one per index along `axis`, or as many
    /// as the tensor has with its last axis (or `axis`) alone varying.
    static func centred(_ tensor: Tensor, _ zero: Tensor?, axis: Int, _ what: String) throws -> NewElements<Float> {
        let values = try NewElements<Float>(tensor.elementCount ?? 0)
        switch tensor.elementType {
        case .int8: for (index, value) in try tensor.elements(as: Int8.self).enumerated() { values[index] = Float(value) }
        case .uint8: for (index, value) in try tensor.elements(as: UInt8.self).enumerated() { values[index] = Float(value) }
        default: throw ModelError(.invalidGraph, "\(what) is \(tensor.elementType), INT8 or UINT8 is needed")
        }
        guard let zero else { return values }
        guard zero.elementType == tensor.elementType else {
            throw ModelError(.invalidGraph, "the zero point of \(what) is \(zero.elementType), its values are \(tensor.elementType)")
        }
        let zeros = try centred(zero, nil, axis: 0, "the zero point of \(what)")
        if zeros.count == 1 {
            let zero = zeros[0]
            if zero != 0 { unsafe values.withPointer { for index in 0..<values.count { unsafe $0[index] -= zero } } }
            return values
        }
        let inner = axis >= 0 ? tensor.dims.suffix(from: axis + 1).reduce(1, *) : 1
        let length = axis >= 0 ? tensor.dims[axis] : 1
        let rows = values.count / max(1, inner * length)
        guard zeros.count == length || zeros.count == rows * length else {
            throw ModelError(.invalidGraph, "the zero point of \(what) has dims \(zero.dims), \(what) has \(tensor.dims): one or \(length) numbers are needed")
        }
        for row in 0..<rows {
            for index in 0..<length {
                let zero = zeros[zeros.count == length ? index : row * length + index]
                for i in 0..<inner { values[(row * length + index) * inner + i] -= zero }
            }
        }
        return values
    }

    /// The one number of a scale.
    static func scale(_ tensor: Tensor, _ what: String) throws -> Float {
        let values = try tensor.floats(what)
        guard values.count == 1 else { throw ModelError(.invalidGraph, "\(what) has dims \(tensor.dims), one number is needed") }
        return values[0]
    }

    /// The one number of a zero point, 0 if it is left out, and its type.
    static func zero(_ tensor: Tensor?, _ what: String) throws -> (Int32, ElementType) {
        guard let tensor else { return (0, .uint8) }
        let values = try centred(tensor, nil, axis: 0, what)
        guard values.count == 1 else { throw ModelError(.invalidGraph, "\(what) has dims \(tensor.dims), one number is needed") }
        return (Int32(values[0]), tensor.elementType)
    }

    /// round(value·factor) + zero, halves to even, saturated to INT8 or UINT8. `factors` holds one per index of an axis of
    /// `factors.count` with `inner` elements behind it.
    static func requantize(_ sums: NewElements<Int32>, _ factors: [Float], inner: Int, zero: Int32, _ type: ElementType, _ dims: [Int]) throws -> Tensor {
        let signed = type == .int8
        let low: Float = signed ? -128 : 0, high: Float = signed ? 127 : 255, shift = Float(zero)
        let result = try NewElements<UInt8>(sums.count)
        let count = sums.count
        unsafe sums.withPointer { sums in
            unsafe result.withPointer { result in
                var index = 0
                while index < count {
                    for factor in factors {
                        for _ in 0..<min(inner, count - index) {
                            let value = unsafe (Float(sums[index]) * factor).rounded(.toNearestOrEven) + shift
                            let bounded = value.isNaN ? low : max(low, min(high, value))
                            unsafe result[index] = UInt8(truncatingIfNeeded: Int32(bounded))
                            index += 1
                        }
                    }
                }
            }
        }
        return result.tensor(type, dims)
    }
}
