package import Tensors

extension Tensor {
    /// The elements as `T`, which must be the type that the element type has in memory. Encoded tensors are decoded.
    package func elements<T: Element>(as type: T.Type = T.self) throws -> Elements<T> {
        guard let width = elementType.bitWidth, width == MemoryLayout<T>.size * 8 || (width < 8 && MemoryLayout<T>.size == 1) else {
            throw ModelError(.internalFault, "\(elementType) has no elements of type \(T.self)")
        }
        return try Elements(plainBytes())
    }

    /// The numbers of an INT64 or INT32 tensor; `what` names it in the error.
    package func integers(_ what: @autoclosure () -> String) throws -> [Int] {
        switch elementType {
        case .int64: return try elements(as: Int64.self).array { Int($0) }
        case .int32: return try elements(as: Int32.self).array { Int($0) }
        default: throw ModelError(.invalidGraph, "\(what()) is \(elementType), INT64 is needed")
        }
    }

    /// The numbers of any float tensor, the small types included, as binary32; other types are refused.
    package func floats(_ what: @autoclosure () -> String) throws -> Elements<Float> {
        if elementType == .float { return try elements(as: Float.self) }
        guard elementType.isFloat, let count = elementCount else { throw ModelError(.invalidGraph, "\(what()) is \(elementType), a float type is needed") }
        let result = try NewElements<Float>(count)
        if elementType == .double {
            try fill(result, from: elements(as: Double.self)) { Float($0) }
        } else if let format = FloatFormat(elementType) {
            let table = format.table()
            try fill(result, from: unpackedElements(as: UInt8.self)) { table[Int($0)] }
        } else {
            try unsafe plainBytes().withUnsafeBytes { bytes in
                unsafe result.withUnsafeBuffer { target in unsafe FloatConversion.toFloat(bytes, elementType, into: target) }
            }
        }
        return try result.finished
    }

    /// Binary32 numbers as a tensor of a float type, rounded to nearest; `saturate` counts for the types of 8 bits and less.
    package static func rounding(_ values: NewElements<Float>, to type: ElementType, _ dims: [Int], saturate: Bool = true) throws -> Tensor {
        if type == .float { return values.tensor(.float, dims) }
        guard let size = type.byteCount(elements: values.count) else {
            throw ModelError(.invalidGraph, "the result would be \(type), a float type is needed")
        }
        if let format = FloatFormat(type) {
            let codes = try NewElements<UInt8>(values.count)
            try fill(codes, from: values.finished) { format.encode(Double($0), saturate: saturate) }
            return try packing(codes, to: type, dims)
        }
        guard type != .float8e8m0 else {
            let codes = try NewElements<UInt8>(values.count)
            try fill(codes, from: values.finished) { ScaleFormat.encode($0, .up, saturate: saturate) }
            return codes.tensor(type, dims)
        }
        guard [.float16, .bfloat16, .double].contains(type) else {
            throw ModelError(.invalidGraph, "the result would be \(type), a float type is needed")
        }
        let memory = try OwnedMemory(byteCount: size)
        unsafe values.withUnsafeBuffer { unsafe FloatConversion.fromFloat(UnsafeBufferPointer($0), type, into: memory.bytes) }
        return Tensor(type, dims: dims, bytes: TensorBytes(memory))
    }

    /// The same values with other dims, which must hold as many elements.
    package func reshaped(_ dims: [Int]) -> Tensor {
        precondition(Tensors.elementCount(of: dims) == elementCount, "dims for another number of elements")
        var copy = self
        copy.dims = dims
        return copy
    }

    /// A scalar or vector of INT64.
    package static func int64(_ values: [Int], dims: [Int]? = nil) throws -> Tensor {
        try NewElements(values.map { Int64($0) }).tensor(.int64, dims ?? [values.count])
    }
}

extension NewElements {
    /// The elements, read-only from now on.
    package var finished: Elements<T> {
        get throws { try Elements(TensorBytes(memory)) }
    }
}

/// Writes `body` of each element of `source` to `target`, which is as long.
@inline(__always)
package func fill<S: Element, T: Element>(_ target: NewElements<T>, from source: Elements<S>, _ body: (S) -> T) {
    precondition(target.count == source.count, "elements of two lengths")
    unsafe source.withUnsafeBuffer { source in
        unsafe target.withUnsafeBuffer { target in
            for index in 0..<source.count { unsafe target[index] = body(source[index]) }
        }
    }
}
