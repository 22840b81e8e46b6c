internal import CKernels

/// Activations that exporters spell as several nodes.
extension ElementwiseProgram {
    /// A product: its factors, and the number that they are multiplied with.
    private struct Product {
        var number: Float = 1
        var factors: [Operand] = []
    }

    /// The one instruction that does what the product `result` is the last step of; nil if it is none of these:
    /// x · sigmoid(x), x / 2 · (1 + erf(x / sqrt 2)), x / 2 · (1 + tanh(sqrt(2 / pi) · (x + 0.044715 x^3))). The last only where no codes are made of floats:
    /// its steps have the bits of other runtimes, the one instruction has others.
    mutating func activation(_ result: Operand) -> Operand? {
        guard let last = maker(result) else { return nil }
        for (x, other) in [(last.a, last.b), (last.b, last.a)] where last.op == THIMBLE_OP_MUL {
            if let maker = maker(other), maker.op == THIMBLE_OP_SIGMOID, maker.a == x { return add(THIMBLE_OP_SWISH, x, p: 1) }
        }
        let product = product(result)
        guard product.factors.count == 2, product.number == 0.5 else { return nil }
        for (x, other) in [(product.factors[0], product.factors[1]), (product.factors[1], product.factors[0])] {
            guard let term = termBesideOne(other), let function = maker(term) else { continue }
            if function.op == THIMBLE_OP_ERF, isScaled(function.a, x, by: 0.70710678) { return add(THIMBLE_OP_GELU, x) }
            if function.op == THIMBLE_OP_TANH, !makesCodes, isCubic(function.a, x) { return add(THIMBLE_OP_GELU_TANH, x) }
        }
        return nil
    }

    private func product(_ operand: Operand) -> Product {
        if case .number(let number) = operand { return Product(number: number) }
        guard let maker = maker(operand) else { return Product(factors: [operand]) }
        switch maker.op {
        case THIMBLE_OP_MUL:
            let a = product(maker.a), b = product(maker.b)
            return Product(number: a.number * b.number, factors: a.factors + b.factors)
        case THIMBLE_OP_AFFINE where maker.q == 0:
            let a = product(maker.a)
            return Product(number: a.number * maker.p, factors: a.factors)
        case THIMBLE_OP_SQUARE:
            let a = product(maker.a)
            return Product(number: a.number * a.number, factors: a.factors + a.factors)
        case THIMBLE_OP_POW where maker.b == .number(3):
            return Product(factors: [maker.a, maker.a, maker.a])
        case THIMBLE_OP_DIV:
            guard case .number(let divisor) = maker.b else { return Product(factors: [operand]) }
            let a = product(maker.a)
            return Product(number: a.number / divisor, factors: a.factors)
        default: return Product(factors: [operand])
        }
    }

    /// t of 1 + t.
    private func termBesideOne(_ operand: Operand) -> Operand? {
        guard let maker = maker(operand) else { return nil }
        if maker.op == THIMBLE_OP_AFFINE, maker.p == 1, maker.q == 1 { return maker.a }
        guard maker.op == THIMBLE_OP_ADD else { return nil }
        return maker.b == .number(1) ? maker.a : maker.a == .number(1) ? maker.b : nil
    }

    /// Whether it is factor · x, the factor written with some six digits.
    private func isScaled(_ operand: Operand, _ x: Operand, by factor: Float) -> Bool {
        let product = product(operand)
        return product.factors == [x] && abs(product.number - factor) < factor * 1e-5
    }

    /// Whether it is sqrt(2 / pi) · (x + 0.044715 x^3).
    private func isCubic(_ operand: Operand, _ x: Operand) -> Bool {
        let whole = product(operand)
        guard whole.factors.count == 1, abs(whole.number - 0.79788456) < 1e-5, let sum = maker(whole.factors[0]), sum.op == THIMBLE_OP_ADD,
            sum.a == x || sum.b == x
        else { return false }
        let cube = product(sum.a == x ? sum.b : sum.a)
        return cube.factors == [x, x, x] && abs(cube.number - 0.044715) < 1e-6
    }
}
