internal import Tensors

/// Numbers are (code - zero) * scale.
typealias CodeGrid = (scale: Float, zero: Float)

/// A tensor of INT8 or UINT8 on one grid: its numbers are (code - zero) * scale.
struct QuantizedTensor {
    let codes: Tensor
    let scale: Float
    let zero: Float

    /// Scale and zero point, which may be left out, at that input and the next.
    static func grid(_ call: Call, _ scaleIndex: Int) throws -> CodeGrid {
        let scale = try call.tensor(scaleIndex)
        guard scale.elementType == .float, scale.elementCount == 1 else {
            throw ModelError(.invalidGraph, "input \(scaleIndex) is \(scale.elementType)\(scale.dims), one FLOAT scale is needed")
        }
        var zero: Float = 0
        if let point = try call.optionalTensor(scaleIndex + 1) {
            guard point.elementType.bitWidth == 8, point.elementCount == 1 else {
                throw ModelError(.invalidGraph, "input \(scaleIndex + 1) is \(point.elementType)\(point.dims), one zero point of 8 bits is needed")
            }
            zero = try point.converted(to: Float.self)[0]
        }
        return (try scale.elements(as: Float.self)[0], zero)
    }

    init(_ call: Call, _ first: Int) throws {
        codes = try call.tensor(first)
        guard codes.elementType == .int8 || codes.elementType == .uint8 else {
            throw ModelError(.invalidGraph, "input \(first) is \(codes.elementType), INT8 or UINT8 is needed")
        }
        (scale, zero) = try Self.grid(call, first + 1)
    }

    func numbers() throws -> Elements<Float> {
        let codes = try codes.converted(to: Float.self), result = try NewElements<Float>(codes.count)
        fill(result, from: codes) { ($0 - zero) * scale }
        return try result.finished
    }

    /// Numbers, which count steps from zero on, rounded to codes of the same type as these.
    func rounded(_ values: Elements<Float>, _ dims: [Int]) throws -> Tensor {
        let low: Float = codes.elementType == .int8 ? -128 : 0, high = low + 255
        let result = try NewElements<Float>(values.count)
        fill(result, from: values) { x in
            let code = x.rounded(.toNearestOrEven)
            return code > low ? min(code, high) : low
        }
        return try Casting(target: codes.elementType).write(result.finished, dims)
    }
}

extension Call {
    /// A commutative function of two tensors of codes that gives unrounded codes. Inputs: codes, scale, zero point of each, then scale and zero
    /// point of the result; `make` gets these three grids and returns the function.
    func combineQuantized(_ make: (_ a: CodeGrid, _ b: CodeGrid, _ result: CodeGrid) -> (Float, Float) -> Float) throws -> [Value?] {
        var a = try QuantizedTensor(self, 0), b = try QuantizedTensor(self, 3)
        try checkSameType(a.codes, b.codes)
        let broadcast = try Broadcast([a.codes.dims, b.codes.dims])
        try checkResult(broadcast, .float)
        // ONNX Runtime turns the operands round where one element of the first meets a row of the second; its roundings follow.
        if BroadcastRows(broadcast, [a.codes.dims, b.codes.dims]).steps == [0, 1] { swap(&a, &b) }
        let operands = Operands(a: a.codes, b: b.codes, broadcast: broadcast)
        let function = make((a.scale, a.zero), (b.scale, b.zero), try QuantizedTensor.grid(self, 6))
        let values = try operands.combine(a.codes.converted(to: Float.self), b.codes.converted(to: Float.self), function).finished
        return [.tensor(try a.rounded(values, operands.broadcast.dims))]
    }

    /// A function of the numbers of one tensor: codes, scale, zero point, then scale and zero point of the result.
    func mapQuantized(_ function: (Float) -> Float) throws -> [Value?] {
        let input = try QuantizedTensor(self, 0), numbers = try input.numbers(), result = try NewElements<Float>(numbers.count)
        let grid = try QuantizedTensor.grid(self, 3)
        fill(result, from: numbers) { (function($0) / grid.scale).rounded(.toNearestOrEven) + grid.zero }
        return [.tensor(try input.rounded(result.finished, input.codes.dims))]
    }
}
