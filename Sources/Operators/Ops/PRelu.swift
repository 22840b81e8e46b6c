package import Tensors

package enum PRelu: Inferring, Runnable {
    package static let name: Name = "PRelu"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.commonType(0..<2), try call.dims(0))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        var slope = try call.tensor(1)
        try call.checkSameType(x, slope)
        // Before numpy's rule came: one for all, or one per channel.
        if call.opset < 7, slope.dims.count == 1, slope.dims[0] != 1, x.dims.count > 1 {
            slope = slope.reshaped([slope.dims[0]] + [Int](repeating: 1, count: x.dims.count - 2))
        }
        let broadcast = try Broadcast([x.dims, slope.dims])
        guard broadcast.dims == x.dims else {
            throw ModelError(.invalidGraph, "slope of dims \(slope.dims) does not fit the input of dims \(x.dims); it must broadcast to them")
        }
        let operands = Operands(a: x, b: slope, broadcast: broadcast)
        return [.tensor(try x.elementType.withNumbers(Sloping(operands: operands)))]
    }

    private struct Sloping: NumberWork {
        let operands: Operands

        func run<T: Number>(_ type: T.Type) throws -> Tensor {
            let x = try T.elements(of: operands.a), slope = try T.elements(of: operands.b)
            return try T.tensor(operands.combine(x, slope) { $0 < 0 ? $0.times($1) : $0 }, operands.a.elementType, operands.broadcast.dims)
        }
    }
}
