internal import Tensors

/// QuantizeLinear of the default domain and of com.microsoft, all versions: y = saturate(round(x / scale) + zero point).
enum Quantizing {
    static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0), scale = try call.tensor(1), zero = try call.optionalTensor(2)
        let type = try outputType(call, zero)
        if let zero { try checkZero(zero, scale) }
        let grid = try QuantizationGrid(call, input: x.dims, scale: scale.dims)
        // Unless the node asks for less, halves are divided as binary32, as ONNX Runtime does.
        let precision = try call.elementType("precision") ?? .float
        guard precision.isReal else { throw ModelError(.invalidGraph, "attribute 'precision' is \(precision), a float type is needed") }
        if precision == .double || scale.elementType == .double {
            return [.tensor(try quantize(call, x, scale, zero, grid, type, as: Double.self) { $0 })]
        }
        switch precision {
        case .float16: return [.tensor(try quantize(call, x, scale, zero, grid, type, as: Float.self, roundedToHalf))]
        case .bfloat16: return [.tensor(try quantize(call, x, scale, zero, grid, type, as: Float.self, roundedToBFloat))]
        default: return [.tensor(try quantize(call, x, scale, zero, grid, type, as: Float.self) { $0 })]
        }
    }

    private static func outputType(_ call: Call, _ zero: Tensor?) throws -> ElementType {
        let asked = try call.elementType("output_dtype")
        if let asked, let zero, asked != zero.elementType {
            throw ModelError(.invalidGraph, "attribute 'output_dtype' is \(asked), the zero point \(zero.elementType); they must be equal")
        }
        return asked ?? zero?.elementType ?? .uint8
    }

    static func checkZero(_ zero: Tensor, _ scale: Tensor) throws {
        // A scalar beside one element is common.
        guard zero.dims == scale.dims || zero.elementCount == 1 && scale.elementCount == 1 else {
            throw ModelError(.invalidGraph, "the zero point has dims \(zero.dims), the scale \(scale.dims); they must be equal")
        }
    }

    private static func quantize<R: Real & CastSource>(
        _ call: Call, _ x: Tensor, _ scale: Tensor, _ zero: Tensor?, _ grid: QuantizationGrid, _ type: ElementType, as real: R.Type,
        _ round: (R) -> R
    ) throws -> Tensor {
        let source = try x.converted(to: R.self), scales = try scale.converted(to: R.self)
        let quotients = try NewElements<R>(source.count)
        unsafe source.withUnsafeBuffer { source in
            unsafe scales.withUnsafeBuffer { scales in
                unsafe quotients.withUnsafeBuffer { quotients in
                    grid.forEachRun { start, count, first, step in
                        for index in 0..<count { unsafe quotients[start + index] = round(source[start + index] / scales[first + index * step]) }
                    }
                }
            }
        }
        if let (low, high) = range(of: type) { return try integers(quotients, zero, grid, type, low, high, x.dims) }
        guard FloatFormat(type) != nil else { throw ModelError(.invalidGraph, "numbers cannot be quantized to \(type)") }
        if let zero, type.bitWidth != 8 { try add(zero, to: quotients, grid) }
        return try Casting(target: type, saturate: call.bool("saturate", true)).write(quotients.finished, x.dims)
    }

    /// The numbers of an integer type that can be quantized to.
    private static func range(of type: ElementType) -> (Double, Double)? {
        switch type {
        case .uint8: (0, 255)
        case .int8: (-128, 127)
        case .uint16: (0, 65535)
        case .int16: (-32768, 32767)
        case .uint4: (0, 15)
        case .int4: (-8, 7)
        case .uint2: (0, 3)
        case .int2: (-2, 1)
        default: nil
        }
    }

    private static func integers<R: Real & CastSource>(
        _ quotients: NewElements<R>, _ zero: Tensor?, _ grid: QuantizationGrid, _ type: ElementType, _ low: Double, _ high: Double, _ dims: [Int]
    ) throws -> Tensor {
        // All these numbers are whole and small: R holds them exactly, and NaN becomes the least.
        let zeros = try zero?.converted(to: R.self), low = R(low), high = R(high)
        unsafe quotients.withUnsafeBuffer { values in
            grid.forEachRun { start, count, first, step in
                for index in start..<start + count {
                    let offset = zeros.map { $0[first + (index - start) * step] } ?? 0
                    let value = unsafe values[index].rounded(.toNearestOrEven) + offset
                    unsafe values[index] = value > low ? min(value, high) : low
                }
            }
        }
        return try Casting(target: type).write(quotients.finished, dims)
    }

    private static func add<R: Real & CastSource>(_ zero: Tensor, to quotients: NewElements<R>, _ grid: QuantizationGrid) throws {
        let zeros = try zero.converted(to: R.self)
        grid.forEachRun { start, count, first, step in
            for index in 0..<count { quotients[start + index] += zeros[first + index * step] }
        }
    }
}

/// The division's result in the precision that the operator asks for.
private func roundedToHalf(_ x: Float) -> Float { rounded(x, .float16) }
private func roundedToBFloat(_ x: Float) -> Float { rounded(x, .bfloat16) }

private func rounded(_ x: Float, _ type: ElementType) -> Float {
    var bits: UInt16 = 0, value = x
    unsafe withUnsafePointer(to: x) { x in
        unsafe withUnsafeMutableBytes(of: &bits) { unsafe FloatConversion.fromFloat(UnsafeBufferPointer(start: x, count: 1), type, into: $0) }
    }
    unsafe withUnsafeMutablePointer(to: &value) { value in
        unsafe withUnsafeBytes(of: bits) { unsafe FloatConversion.toFloat($0, type, into: UnsafeMutableBufferPointer(start: value, count: 1)) }
    }
    return value
}

extension Tensor {
    /// The numbers of any numeric tensor as floats.
    func converted<R: Real>(to type: R.Type) throws -> Elements<R> {
        let wanted: ElementType = R.self == Float.self ? .float : .double
        return try Casting(target: wanted).cast(self).elements(as: R.self)
    }
}
