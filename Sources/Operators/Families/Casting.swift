internal import Tensors

/// Conversion of elements to another type (ONNX, operator Cast): whatever the source is becomes binary32, binary64, Int64 or UInt64,
/// which hold it exactly, and from there the target, rounded once.
struct Casting {
    let target: ElementType
    /// For floats of 8 bits: what is out of range becomes the largest number.
    var saturate = true
    var rounding = ScaleFormat.Rounding.up

    func cast(_ tensor: Tensor) throws -> Tensor {
        if tensor.elementType == target { return tensor }
        switch tensor.elementType {
        case .string: return try TextParser(target: self).cast(tensor)
        case .double: return try write(tensor.elements(as: Double.self), tensor.dims)
        case .int64: return try write(tensor.elements(as: Int64.self), tensor.dims)
        case .uint64: return try write(tensor.elements(as: UInt64.self), tensor.dims)
        case .int32: return try write(widened(tensor.elements(as: Int32.self)), tensor.dims)
        case .uint32: return try write(widened(tensor.elements(as: UInt32.self)), tensor.dims)
        case .int16: return try write(widened(tensor.elements(as: Int16.self)), tensor.dims)
        case .uint16: return try write(widened(tensor.elements(as: UInt16.self)), tensor.dims)
        case .int8, .int4, .int2: return try write(widened(tensor.unpackedElements(as: Int8.self)), tensor.dims)
        case .uint8, .bool, .uint4, .uint2: return try write(widened(tensor.unpackedElements(as: UInt8.self)), tensor.dims)
        case let type where type.isFloat: return try write(tensor.floats("the input"), tensor.dims)
        case let type: throw ModelError(.invalidGraph, "\(type) cannot be cast to \(target)")
        }
    }

    private func widened<S: Element & FixedWidthInteger>(_ source: Elements<S>) throws -> Elements<Int64> {
        let result = try NewElements<Int64>(source.count)
        fill(result, from: source) { Int64(truncatingIfNeeded: $0) }
        return try result.finished
    }

    /// The elements as the target type.
    func write<S: CastSource>(_ source: Elements<S>, _ dims: [Int]) throws -> Tensor {
        switch target {
        case .int8: return try integers(source, dims, Int8.self)
        case .int16: return try integers(source, dims, Int16.self)
        case .int32: return try integers(source, dims, Int32.self)
        case .int64: return try integers(source, dims, Int64.self)
        case .uint8: return try integers(source, dims, UInt8.self)
        case .uint16: return try integers(source, dims, UInt16.self)
        case .uint32: return try integers(source, dims, UInt32.self)
        case .uint64: return try integers(source, dims, UInt64.self)
        case .uint4, .uint2: return try .packing(converted(source) { $0.integer(UInt8.self) }, to: target, dims)
        case .int4, .int2: return try .packing(converted(source) { $0.integer(Int8.self) }, to: target, dims)
        case .bool: return try converted(source) { $0.isZero ? 0 : 1 as UInt8 }.tensor(.bool, dims)
        case .float: return try converted(source) { $0.float }.tensor(.float, dims)
        case .double: return try converted(source) { $0.double }.tensor(.double, dims)
        case .float16, .bfloat16: return try .rounding(converted(source) { $0.oddFloat }, to: target, dims)
        case .float8e8m0: return try converted(source) { ScaleFormat.encode($0.float, rounding, saturate: saturate) }.tensor(target, dims)
        case .string: return .strings(source.map { Array($0.text.utf8) }, dims: dims)
        default:
            guard let format = FloatFormat(target) else { throw ModelError(.invalidGraph, "nothing can be cast to \(target)") }
            return try .packing(converted(source) { format.encode($0.double, saturate: saturate) }, to: target, dims)
        }
    }

    private func integers<S: CastSource, T: Element & FixedWidthInteger>(_ source: Elements<S>, _ dims: [Int], _ type: T.Type) throws -> Tensor {
        try converted(source) { $0.integer(T.self) }.tensor(target, dims)
    }

    @inline(__always)
    private func converted<S: Element, T: Element>(_ source: Elements<S>, _ body: (S) -> T) throws -> NewElements<T> {
        let result = try NewElements<T>(source.count)
        fill(result, from: source, body)
        return result
    }
}

/// What elements are while they are cast.
protocol CastSource: Element {
    /// Integers: low bits. Floats: towards zero, then low bits.
    func integer<T: FixedWidthInteger>(_ type: T.Type) -> T
    var isZero: Bool { get }
    var float: Float { get }
    var double: Double { get }
    /// As binary32 that is fit to be rounded once more.
    var oddFloat: Float { get }
    /// As ONNX Runtime prints it.
    var text: String { get }
}

extension CastSource where Self: FixedWidthInteger {
    @inline(__always) func integer<T: FixedWidthInteger>(_ type: T.Type) -> T { T(truncatingIfNeeded: self) }
    var isZero: Bool { self == 0 }
    var float: Float { Float(self) }
    var double: Double { Double(self) }
    var oddFloat: Float { Float(roundingToOdd: Double(self)) }
    var text: String { String(self) }
}

extension Int64: CastSource {}
extension UInt64: CastSource {}

extension CastSource where Self: BinaryFloatingPoint {
    /// What x86 does beyond the range, where C leaves it open and models came to rely on it: the least number of 32 and 64 bits.
    @inline(__always)
    func integer<T: FixedWidthInteger>(_ type: T.Type) -> T {
        let value = Double(self)
        if T.self == UInt64.self, value >= 0x1p63, value < 0x1p64 { return T(truncatingIfNeeded: UInt64(value)) }
        if T.self == Int32.self, !(value > -0x1p31 - 1 && value < 0x1p31) { return T(truncatingIfNeeded: Int32.min) }
        guard value >= -0x1p63, value < 0x1p63 else { return T(truncatingIfNeeded: Int64.min) }
        return T(truncatingIfNeeded: Int64(value))
    }
    var double: Double { Double(self) }
}

extension Float: CastSource {
    var float: Float { self }
    var oddFloat: Float { self }
    var text: String { printed(Double(self)) }
}

extension Double: CastSource {
    var float: Float { Float(self) }
    var oddFloat: Float { Float(roundingToOdd: self) }
    var text: String { printed(self) }
}
