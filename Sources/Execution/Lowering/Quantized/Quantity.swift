internal import ModelGraph
internal import Operators
internal import Tensors

/// What a code of 8 bits stands for: (code - zero) * scale.
struct Quantity: Equatable {
    let scale: Float
    let zero: Int32
    let type: ElementType

    var isSigned: Bool { type == .int8 }
    var lowest: Int32 { isSigned ? -128 : 0 }
    var highest: Int32 { isSigned ? 127 : 255 }

    /// The code nearest to a number, which may be infinite.
    func code(_ number: Float) -> Int32 {
        let steps = (number / scale).rounded(.toNearestOrEven)
        return Int32(min(max(steps + Float(zero), Float(lowest)), Float(highest)))
    }
}

/// A float value as the codes that it was dequantized from.
struct QuantizedValue {
    let codes: ValueID
    let quantity: Quantity
}

extension Compiler {
    static func isByte(_ type: ElementType?) -> Bool { type == .uint8 || type == .int8 }

    /// Scale and zero point of a whole tensor; nil unless both are constants that kernels can take.
    func quantity(_ scale: ValueID?, _ zero: ValueID?, _ type: ElementType?) -> Quantity? {
        guard let scale, let number = unfolding.number(scale), number > 0, number.isFinite, let type, Self.isByte(type) else { return nil }
        guard let zero else { return Quantity(scale: number, zero: 0, type: type) }
        guard let zeros = integers(zero), zeros.count == 1, fact(zero).elementType == type else { return nil }
        return Quantity(scale: number, zero: zeros[0], type: type)
    }

    /// The numbers of a constant of INT8, UINT8 or INT32.
    func integers(_ id: ValueID) -> [Int32]? {
        guard isConstant(id) else { return nil }
        // Not through the constant's value, which is kept: most are read once.
        if case .constant(let constant) = unfolding.values[id].source, !constant.isSparse { return Self.integers(constant.tensor) }
        return (try? unfolding.tensor(id)).flatMap { Self.integers($0) }
    }

    private static func integers(_ tensor: Tensor) -> [Int32]? {
        switch tensor.elementType {
        case .uint8: return try? tensor.elements(as: UInt8.self).array { Int32($0) }
        case .int8: return try? tensor.elements(as: Int8.self).array { Int32($0) }
        case .int32: return try? tensor.elements(as: Int32.self).array
        default: return nil
        }
    }

    /// Gives a value another name.
    func aliasExact(_ from: ValueID, as to: ValueID) throws {
        guard let dims = dims(from) else { throw ModelError(.internalFault, "a value of unknown dims is lowered") }
        let layout = exactLayout(from)
        defineExact(to, as: try part(of: try readExact(from, layout), dims: layout.physical(dims)), layout)
    }

    /// Computes a float value from its codes, in the layout in which they are.
    func dequantize(_ codes: QuantizedValue, to id: ValueID) throws {
        let layout = exactLayout(codes.codes), source = try readExact(codes.codes, layout), target = try make(id, layout)
        let count = dims(id).flatMap { elementCount(of: $0) } ?? 0
        emit(DequantizeStep(source: source, target: target, quantity: codes.quantity, count: count), for: [], reads: [source], writes: [target])
    }
}
