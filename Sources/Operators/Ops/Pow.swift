package import Tensors

/// The result has the type of the base, whatever the exponent's is.
package enum Pow: Inferring, Runnable {
    package static let name: Name = "Pow"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.combined(sameType: false) }

    package static func run(_ call: Call) throws -> [Value?] {
        let operands = try call.operands(sameType: false)
        if operands.a.elementType.isReal { return [.tensor(try operands.a.elementType.withReals(RealPower(operands: operands)))] }
        return [.tensor(try operands.a.elementType.withIntegers(IntegerPower(operands: operands)))]
    }

    private struct RealPower: RealWork {
        let operands: Operands

        func run<T: Real>(_ type: T.Type) throws -> Tensor {
            let base = try T.elements(of: operands.a), exponent = try operands.b.elementType.withNumbers(Converted<T>(tensor: operands.b))
            let result: NewElements<T>
            // Squares and cubes are most of what models ask for.
            switch exponent.count == 1 ? exponent[0] : .nan {
            case 2: result = try operands.combine(base, exponent) { x, _ in x * x }
            case 3: result = try operands.combine(base, exponent) { x, _ in x * x * x }
            default: result = try operands.combine(base, exponent) { .power($0, $1) }
            }
            return try T.tensor(result, operands.a.elementType, operands.broadcast.dims)
        }
    }

    private struct IntegerPower: IntegerWork {
        let operands: Operands

        func run<T: Number & FixedWidthInteger>(_ type: T.Type) throws -> Tensor {
            let base = try operands.a.elements(as: T.self), result: NewElements<T>
            if operands.b.elementType.isReal {
                let exponent = try operands.b.elementType.withNumbers(Converted<Double>(tensor: operands.b))
                result = try operands.combine(base, exponent) { T(nearest: .power($0.asDouble, $1)) }
            } else {
                let exponent = try operands.b.elementType.withIntegers(Clamped(tensor: operands.b))
                result = try operands.combine(base, exponent) { power($0, $1) }
            }
            return result.tensor(operands.a.elementType, operands.broadcast.dims)
        }

        /// By repeated squaring; wraps around. A negative exponent leaves what rounding towards zero leaves.
        private func power<T: Number & FixedWidthInteger>(_ base: T, _ exponent: Int64) -> T {
            guard exponent >= 0 else { return base == 0 || base == 1 || exponent % 2 == 0 && base.absolute == 1 ? (base == 0 ? 0 : 1) : base.absolute == 1 ? base : 0 }
            var result: T = 1, square = base, rest = exponent
            while rest > 0 {
                if rest & 1 == 1 { result = result.times(square) }
                square = square.times(square)
                rest >>= 1
            }
            return result
        }
    }

    private struct Converted<R: Number>: NumberWork {
        let tensor: Tensor

        func run<T: Number>(_ type: T.Type) throws -> Elements<R> {
            let source = try T.elements(of: tensor), result = try NewElements<R>(source.count)
            fill(result, from: source) { R(nearest: $0.asDouble) }
            return try result.finished
        }
    }

    private struct Clamped: IntegerWork {
        let tensor: Tensor

        func run<T: Number & FixedWidthInteger>(_ type: T.Type) throws -> Elements<Int64> {
            let source = try tensor.elements(as: T.self), result = try NewElements<Int64>(source.count)
            fill(result, from: source) { Int64(clamping: $0) }
            return try result.finished
        }
    }
}
