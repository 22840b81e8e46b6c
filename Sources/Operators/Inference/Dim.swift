package import Tensors

/// The size of an axis, or an element of a tensor of integers, as far as it is known before anything runs.
///
/// Two `.unknown` need not be the same size: `isSame` says what is sure, `==` compares what is written.
package enum Dim: Hashable, Sendable {
    case value(Int)
    /// A polynomial that is no number; see `DimExpression` for what may be in it.
    case symbolic(DimExpression)
    /// Nothing is known, not even the sign.
    case unknown

    /// A size named by `dim_param`.
    package static func symbol(_ name: Name) -> Dim { .symbolic(DimExpression(.named(name))) }

    /// A size of which nothing is known but that it is the same wherever this symbol stands.
    package static func fresh() -> Dim { .symbolic(DimExpression(.fresh(FreshSymbols.next()))) }

    package var value: Int? {
        if case .value(let value) = self { value } else { nil }
    }

    package var isUnknown: Bool { if case .unknown = self { true } else { false } }

    /// True if both are the same size, whatever the symbols stand for.
    package func isSame(as other: Dim) -> Bool { self == other && !isUnknown }

    /// True if they differ whatever the symbols stand for.
    package func isDifferent(from other: Dim) -> Bool {
        if case .value(let x) = self, case .value(let y) = other { return x != y }
        return switch (self - other) {
        case .value(let difference): difference != 0
        case .symbolic(let expression): expression.lowerBound.map { $0 > 0 } ?? false || (-expression).lowerBound.map { $0 > 0 } ?? false
        case .unknown: false
        }
    }

    /// The greatest number that it is sure not to be below.
    package var lowerBound: Int? {
        switch self {
        case .value(let value): value
        case .symbolic(let expression): expression.lowerBound
        case .unknown: nil
        }
    }

    /// True for the least of `other` and something that is at least 1.
    package func isLeast(of other: Dim) -> Bool {
        guard case .symbolic(let expression) = self, let other = other.expression else { return false }
        return expression.isLeast(of: other)
    }

    package var isNonNegative: Bool { lowerBound.map { $0 >= 0 } ?? false }
    package var isPositive: Bool { lowerBound.map { $0 > 0 } ?? false }

    /// Itself, if it is sure that it can be a size.
    package var ifSize: Dim { isNonNegative ? self : .unknown }

    /// A size of an axis: what cannot be told is a fresh symbol, so that it is known to be the same wherever it goes.
    package var asSize: Dim { isUnknown ? .fresh() : self }
}

// MARK: arithmetic

extension Dim {
    package static func + (a: Dim, b: Dim) -> Dim {
        if case .value(let x) = a, case .value(let y) = b { return checkedAdd(x, y).map(Dim.value) ?? .unknown }
        guard let x = a.expression, let y = b.expression else { return .unknown }
        return Dim(x + y)
    }

    package static func - (a: Dim, b: Dim) -> Dim {
        if case .value(let x) = a, case .value(let y) = b {
            let (difference, overflow) = x.subtractingReportingOverflow(y)
            return overflow ? .unknown : .value(difference)
        }
        guard let x = a.expression, let y = b.expression else { return .unknown }
        return Dim(x + -y)
    }

    package static func * (a: Dim, b: Dim) -> Dim {
        if case .value(let x) = a, case .value(let y) = b { return checkedMultiply(x, y).map(Dim.value) ?? .unknown }
        if a == .value(0) || b == .value(0) { return .value(0) }
        guard let x = a.expression, let y = b.expression else { return .unknown }
        return Dim(x * y)
    }

    package static func + (a: Dim, b: Int) -> Dim { a + .value(b) }
    package static func - (a: Dim, b: Int) -> Dim { a - .value(b) }
    package static func * (a: Dim, b: Int) -> Dim { a * .value(b) }

    /// Rounded down. A divisor that may be 0 is taken not to be: there is no result for it.
    package func floorDiv(_ divisor: Dim) -> Dim {
        if case .value(let x) = self, case .value(let y) = divisor {
            guard y != 0, !(x == .min && y == -1) else { return .unknown }
            let quotient = x / y
            return .value(x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient)
        }
        guard divisor != .value(0), let x = expression, let y = divisor.expression else { return .unknown }
        return x.floorDivided(by: y)
    }

    /// Rounded up.
    package func ceilDiv(_ divisor: Dim) -> Dim {
        // Of symbols as a quotient that is written like others of the same size.
        if case .value(let number) = divisor, number > 0, value == nil { return (self + (number - 1)).floorDiv(divisor) }
        return .value(0) - (.value(0) - self).floorDiv(divisor)
    }

    package func floorDiv(_ divisor: Int) -> Dim { floorDiv(.value(divisor)) }
    package func ceilDiv(_ divisor: Int) -> Dim { ceilDiv(.value(divisor)) }

    package static func max(_ a: Dim, _ b: Dim) -> Dim { extreme(a, b, isMax: true) }
    package static func min(_ a: Dim, _ b: Dim) -> Dim { extreme(a, b, isMax: false) }

    private static func extreme(_ a: Dim, _ b: Dim, isMax: Bool) -> Dim {
        if case .value(let x) = a, case .value(let y) = b { return .value(isMax ? Swift.max(x, y) : Swift.min(x, y)) }
        guard let x = a.expression, let y = b.expression else { return .unknown }
        let difference = a - b
        if difference.isNonNegative { return isMax ? a : b }
        if (b - a).isNonNegative { return isMax ? b : a }
        return Dim(DimExpression(isMax ? .max(Swift.min(x, y), Swift.max(x, y)) : .min(Swift.min(x, y), Swift.max(x, y))))
    }

    /// The product of sizes; 1 if there are none.
    package static func product(_ dims: some Sequence<Dim>) -> Dim { dims.reduce(.value(1), *) }
    package static func sum(_ dims: some Sequence<Dim>) -> Dim { dims.reduce(.value(0), +) }
}

// MARK: expressions

extension Dim {
    /// Nil for `.unknown`, and for the one number that has no negative.
    var expression: DimExpression? {
        switch self {
        case .value(let value): value == .min ? nil : DimExpression(value)
        case .symbolic(let expression): expression
        case .unknown: nil
        }
    }

    /// Nil stands for a number that overflowed or an expression that grew too large.
    init(_ expression: DimExpression?) {
        guard let expression else { self = .unknown; return }
        self = if let constant = expression.constant { .value(constant) } else { .symbolic(expression) }
    }

    /// With each symbol replaced by what `sizes` says; nil leaves it.
    package func substituting(_ sizes: (DimSymbol) -> Dim?) -> Dim {
        if case .symbolic(let expression) = self { expression.substituting(sizes) } else { self }
    }
}

extension Dim: ExpressibleByIntegerLiteral, CustomStringConvertible {
    package init(integerLiteral value: Int) { self = .value(value) }

    package var description: String {
        switch self {
        case .value(let value): String(value)
        case .symbolic(let expression): expression.description
        case .unknown: "?"
        }
    }
}

// MARK: ONNX

extension Dim {
    /// A negative number is no size: some exporters write -1 for an unknown one.
    package init(_ dimension: Dimension) {
        switch dimension.size {
        case .value(let value) where value >= 0: self = .value(Int(value))
        case .symbol(let name) where !name.isEmpty: self = .symbol(name)
        default: self = .unknown
        }
    }

    /// What ONNX can say of it: an expression of named symbols is a symbol with the expression's text, equal for equal sizes.
    package var dimension: Dimension {
        switch self {
        case .value(let value) where value >= 0: Dimension(.value(Int64(value)))
        case .symbolic(let expression) where expression.hasOnlyNames: Dimension(.symbol(Name(expression.description)))
        default: Dimension(.unknown)
        }
    }
}
