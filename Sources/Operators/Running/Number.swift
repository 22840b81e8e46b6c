package import Tensors

/// A type that kernels compute with. Integers wrap around, as ONNX Runtime's do.
package protocol Number: Element, Comparable, ExpressibleByIntegerLiteral {
    /// The least and the greatest value; infinities where there are.
    static var lowest: Self { get }
    static var highest: Self { get }
    func plus(_ other: Self) -> Self
    func minus(_ other: Self) -> Self
    func times(_ other: Self) -> Self
    /// Integers: towards zero, and `other` is not 0.
    func divided(by other: Self) -> Self
    /// The remainder with the sign of `self` (C's fmod). Integers: `other` is not 0.
    func truncatedRemainder(by other: Self) -> Self
    /// The remainder with the sign of `other`. Integers: `other` is not 0.
    func flooredRemainder(by other: Self) -> Self
    var absolute: Self { get }
    var asDouble: Double { get }
    /// Integers: towards zero, the nearest that there is beyond the range, 0 for NaN.
    init(nearest value: Double)
    /// The elements of a tensor whose numbers this type stands for.
    static func elements(of tensor: Tensor) throws -> Elements<Self>
    static func tensor(_ values: NewElements<Self>, _ elementType: ElementType, _ dims: [Int]) throws -> Tensor
}

extension Number {
    package var negated: Self { (0 as Self).minus(self) }
    package var isNotANumber: Bool { self != self }
    package static func elements(of tensor: Tensor) throws -> Elements<Self> { try tensor.elements() }
    package static func tensor(_ values: NewElements<Self>, _ elementType: ElementType, _ dims: [Int]) throws -> Tensor {
        values.tensor(elementType, dims)
    }
}

extension Number where Self: FixedWidthInteger {
    package static var lowest: Self { min }
    package static var highest: Self { max }
    @inline(__always) package func plus(_ other: Self) -> Self { self &+ other }
    @inline(__always) package func minus(_ other: Self) -> Self { self &- other }
    @inline(__always) package func times(_ other: Self) -> Self { self &* other }
    @inline(__always) package func divided(by other: Self) -> Self { dividedReportingOverflow(by: other).partialValue }
    @inline(__always) package func truncatedRemainder(by other: Self) -> Self { remainderReportingOverflow(dividingBy: other).partialValue }
    @inline(__always) package func flooredRemainder(by other: Self) -> Self {
        let rest = truncatedRemainder(by: other)
        return rest != 0 && (rest < 0) != (other < 0) ? rest &+ other : rest
    }
    @inline(__always) package var absolute: Self { self < 0 ? 0 &- self : self }
    @inline(__always) package var asDouble: Double { Double(self) }
    @inline(__always) package init(nearest value: Double) {
        // Comparing with the limits as Doubles: `max` of 64 bits rounds up, so that what is below it fits.
        self = value >= Double(Self.max) ? .max : value <= Double(Self.min) ? .min : value.isNaN ? 0 : Self(value)
    }
}

extension Number where Self: BinaryFloatingPoint {
    package static var lowest: Self { -.infinity }
    package static var highest: Self { .infinity }
    @inline(__always) package func plus(_ other: Self) -> Self { self + other }
    @inline(__always) package func minus(_ other: Self) -> Self { self - other }
    @inline(__always) package func times(_ other: Self) -> Self { self * other }
    @inline(__always) package func divided(by other: Self) -> Self { self / other }
    @inline(__always) package func truncatedRemainder(by other: Self) -> Self { truncatingRemainder(dividingBy: other) }
    @inline(__always) package func flooredRemainder(by other: Self) -> Self {
        let rest = truncatingRemainder(dividingBy: other)
        if rest == 0 { return Self(signOf: other, magnitudeOf: 0) }
        return (rest < 0) != (other < 0) && rest == rest ? rest + other : rest
    }
    @inline(__always) package var absolute: Self { magnitude }
    @inline(__always) package var negated: Self { -self }
    @inline(__always) package var asDouble: Double { Double(self) }
    @inline(__always) package init(nearest value: Double) { self = Self(value) }
}

extension Int8: Number {}
extension Int16: Number {}
extension Int32: Number {}
extension Int64: Number {}
extension UInt8: Number {}
extension UInt16: Number {}
extension UInt32: Number {}
extension UInt64: Number {}
extension Double: Number {}

/// FLOAT16 and BFLOAT16 are computed as binary32 and rounded once.
extension Float: Number {
    package static func elements(of tensor: Tensor) throws -> Elements<Float> { try tensor.floats("the input") }
    package static func tensor(_ values: NewElements<Float>, _ elementType: ElementType, _ dims: [Int]) throws -> Tensor {
        try .rounding(values, to: elementType, dims)
    }
}

/// Work that is the same for every number type. A protocol rather than a closure: a closure cannot be generic.
package protocol NumberWork {
    associatedtype Result
    func run<T: Number>(_ type: T.Type) throws -> Result
}

extension ElementType {
    /// FLOAT16, BFLOAT16, FLOAT and DOUBLE: what "float tensors" are in most operators.
    package var isReal: Bool { [.float, .double, .float16, .bfloat16].contains(self) }

    /// Runs `work` for the type that stands for this one's numbers in memory; types that are no numbers are refused.
    package func withNumbers<W: NumberWork>(_ work: W) throws -> W.Result {
        switch self {
        case .float, .float16, .bfloat16: try work.run(Float.self)
        case .double: try work.run(Double.self)
        case .int8: try work.run(Int8.self)
        case .int16: try work.run(Int16.self)
        case .int32: try work.run(Int32.self)
        case .int64: try work.run(Int64.self)
        case .uint8: try work.run(UInt8.self)
        case .uint16: try work.run(UInt16.self)
        case .uint32: try work.run(UInt32.self)
        case .uint64: try work.run(UInt64.self)
        default: throw ModelError(.invalidGraph, "the input is \(self), a number type is needed")
        }
    }
}

extension Call {
    /// Throws unless these inputs have one element type.
    package func checkSameType(_ a: Tensor, _ b: Tensor) throws {
        guard a.elementType == b.elementType else {
            throw ModelError(.invalidGraph, "the inputs are \(a.elementType)\(a.dims) and \(b.elementType)\(b.dims), one element type is needed")
        }
    }
}

/// Work that is the same for every integer type.
package protocol IntegerWork {
    associatedtype Result
    func run<T: Number & FixedWidthInteger>(_ type: T.Type) throws -> Result
}

extension ElementType {
    /// Runs `work` for this integer type; others are refused.
    package func withIntegers<W: IntegerWork>(_ work: W) throws -> W.Result {
        switch self {
        case .int8: try work.run(Int8.self)
        case .int16: try work.run(Int16.self)
        case .int32: try work.run(Int32.self)
        case .int64: try work.run(Int64.self)
        case .uint8: try work.run(UInt8.self)
        case .uint16: try work.run(UInt16.self)
        case .uint32: try work.run(UInt32.self)
        case .uint64: try work.run(UInt64.self)
        default: throw ModelError(.invalidGraph, "the input is \(self), an integer type is needed")
        }
    }
}
