internal import Tensors

/// x P(X <= x) of a normal X (Hendrycks and Gimpel, "Gaussian Error Linear Units").
struct ExactGelu: RealFunction {
    @inline(__always)
    func apply<T: Real>(_ x: T) -> T { 0.5 * x * (1 + .errorFunction(x * T(0.5).squareRoot())) }
}

/// The same by tanh, as that paper approximates it.
struct TanhGelu: RealFunction {
    @inline(__always)
    func apply<T: Real>(_ x: T) -> T {
        let root = T(0.7978845608028654)  // sqrt(2 / pi)
        return 0.5 * x * (1 + .hyperbolicTangent(root * (x + 0.044715 * x * x * x)))
    }
}

/// The same by a sigmoid.
struct SigmoidGelu: RealFunction {
    let alpha: Float

    @inline(__always)
    func apply<T: Real>(_ x: T) -> T { x * .sigmoid(T(alpha) * x) }
}

extension Call {
    /// `function` of input 0 and, if there is one, the bias of its last axis in input 1.
    func mapReals(withBias function: some RealFunction) throws -> [Value?] {
        guard let bias = try optionalTensor(1) else { return try mapReals(function) }
        let input = try tensor(0)
        try checkSameType(input, bias)
        guard bias.dims.count == 1, bias.dims.last == input.dims.last else {
            throw ModelError(.invalidGraph, "the bias has dims \(bias.dims), the input \(input.dims): a bias for each index of the last axis is needed")
        }
        let operands = Operands(a: input, b: bias, broadcast: try Broadcast([input.dims, bias.dims]))
        return [.tensor(try input.elementType.withReals(BiasedMap(operands: operands, function: function)))]
    }
}

private struct BiasedMap<F: RealFunction>: RealWork {
    let operands: Operands
    let function: F

    func run<T: Real>(_ type: T.Type) throws -> Tensor {
        let x = try T.elements(of: operands.a), bias = try T.elements(of: operands.b)
        return try T.tensor(operands.combine(x, bias) { function.apply($0 + $1) }, operands.a.elementType, operands.broadcast.dims)
    }
}
