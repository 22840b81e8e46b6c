internal import Tensors

/// A polynomial with integer coefficients over sizes, in the one form that equal polynomials have: like terms added, none zero,
/// factors and terms in order. What does not multiply out (quotients, extremes) is a factor of its own. At most `limit` factors in all.
package struct DimExpression: Hashable, Sendable {
    struct Term: Hashable, Sendable {
        var coefficient: Int
        /// In order; none in the constant term.
        var factors: [DimAtom]
    }

    static let limit = 64

    /// The order is that of `precedes`; none for 0.
    private(set) var terms: [Term]

    init(_ value: Int) { terms = value == 0 ? [] : [Term(coefficient: value, factors: [])] }
    init(_ atom: DimAtom) { terms = [Term(coefficient: 1, factors: [atom])] }
    private init(ordered terms: [Term]) { self.terms = terms }

    /// Nil on overflow and if it is too large.
    private init?(adding terms: [Term]) {
        var sum: [[DimAtom]: Int] = [:]
        for term in terms {
            guard let total = checkedAdd(sum[term.factors] ?? 0, term.coefficient), total != .min else { return nil }
            sum[term.factors] = total
        }
        self.terms = sum.compactMap { $1 == 0 ? nil : Term(coefficient: $1, factors: $0) }.sorted { Self.precedes($0.factors, $1.factors) }
        guard size <= Self.limit else { return nil }
    }

    /// The number that it is, if it is one.
    var constant: Int? { terms.isEmpty ? 0 : terms.count == 1 && terms[0].factors.isEmpty ? terms[0].coefficient : nil }

    var size: Int { terms.reduce(0) { $1.factors.reduce($0 + 1) { $0 + $1.size } } }
    var hasOnlyNames: Bool { terms.allSatisfy { $0.factors.allSatisfy(\.hasOnlyNames) } }

    /// True for a size without a name.
    var isFresh: Bool {
        guard terms.count == 1, terms[0].coefficient == 1, terms[0].factors.count == 1, case .fresh = terms[0].factors[0] else { return false }
        return true
    }

    /// True for min(other, x), x at least 1.
    func isLeast(of other: DimExpression) -> Bool {
        guard terms.count == 1, terms[0].coefficient == 1, terms[0].factors.count == 1, case .min(let a, let b) = terms[0].factors[0] else { return false }
        return a == other && b.lowerBound ?? 0 >= 1 || b == other && a.lowerBound ?? 0 >= 1
    }

    /// Graded order, greatest first: a product of two terms' factors keeps their order, so that division works from the first term on.
    private static func precedes(_ a: [DimAtom], _ b: [DimAtom]) -> Bool {
        if a.count != b.count { return a.count > b.count }
        for (x, y) in zip(a, b) where x != y { return x < y }
        return false
    }

    /// What it is sure not to be below: each factor is at least its bound. Nil if there is no such number.
    var lowerBound: Int? {
        var sum = 0
        for term in terms {
            var bound = 1
            for factor in term.factors {
                guard term.coefficient > 0, let least = factor.lowerBound, least >= 0 || term.factors.count == 1,
                    let product = checkedMultiply(bound, least)
                else { return nil }
                bound = product
            }
            guard let scaled = checkedMultiply(bound, term.coefficient), let total = checkedAdd(sum, scaled) else { return nil }
            sum = total
        }
        return sum
    }

    func substituting(_ sizes: (DimSymbol) -> Dim?) -> Dim {
        .sum(terms.map { term in term.factors.reduce(.value(term.coefficient)) { $0 * $1.substituting(sizes) } })
    }
}

// MARK: arithmetic

extension DimExpression {
    static func + (a: DimExpression, b: DimExpression) -> DimExpression? { DimExpression(adding: a.terms + b.terms) }

    /// No coefficient is `Int.min`.
    static prefix func - (a: DimExpression) -> DimExpression {
        DimExpression(ordered: a.terms.map { Term(coefficient: 0 - $0.coefficient, factors: $0.factors) })
    }

    static func * (a: DimExpression, b: DimExpression) -> DimExpression? {
        guard a.terms.count * b.terms.count <= 4 * limit else { return nil }
        var terms: [Term] = []
        for x in a.terms {
            for y in b.terms {
                guard let coefficient = checkedMultiply(x.coefficient, y.coefficient) else { return nil }
                terms.append(Term(coefficient: coefficient, factors: (x.factors + y.factors).sorted()))
            }
        }
        return DimExpression(adding: terms)
    }

    /// Rounded down; `divisor` is not 0.
    func floorDivided(by divisor: DimExpression) -> Dim {
        if let constant = divisor.constant { return constant > 0 ? floorDivided(by: constant) : (-self).floorDivided(by: -divisor) }
        if let quotient = exactQuotient(divisor) { return Dim(quotient) }
        guard divisor.terms.count == 1, divisor.terms[0].coefficient > 0 else { return quotientAtom(divisor) }
        // What the divisor divides comes out of the fraction; factors that all the rest has in common with the divisor cancel.
        let by = divisor.terms[0]
        var whole: [Term] = [], rest: [Term] = []
        for term in terms {
            if let quotient = term.divided(by: by) { whole.append(quotient) } else { rest.append(term) }
        }
        guard let whole = DimExpression(adding: whole), var rest = DimExpression(adding: rest) else { return .unknown }
        var below = by
        for factor in by.factors where rest.terms.allSatisfy({ $0.factors.contains(factor) }) && !rest.terms.isEmpty {
            rest.terms = rest.terms.map { $0.without(factor) }
            below = below.without(factor)
        }
        guard let rest = DimExpression(adding: rest.terms) else { return .unknown }
        let quotient = below.factors.isEmpty ? rest.floorDivided(by: below.coefficient) : rest.quotientAtom(DimExpression(ordered: [below]))
        return Dim(whole) + quotient
    }

    /// floor((c·q + r) / c) = q + floor(r / c), with coefficients of r in 0..<c; common divisors cancel; a quotient of a quotient is one.
    private func floorDivided(by divisor: Int) -> Dim {
        guard divisor > 1 else { return Dim(self) }
        var whole: [Term] = [], rest: [Term] = []
        for term in terms {
            var (quotient, remainder) = term.coefficient.quotientAndRemainder(dividingBy: divisor)
            if remainder < 0 { (quotient, remainder) = (quotient - 1, remainder + divisor) }
            if quotient != 0 { whole.append(Term(coefficient: quotient, factors: term.factors)) }
            if remainder != 0 { rest.append(Term(coefficient: remainder, factors: term.factors)) }
        }
        let common = rest.reduce(divisor) { $1.factors.isEmpty ? $0 : gcd($0, $1.coefficient) }
        let outer = Dim(DimExpression(ordered: whole))
        // Constants alone are below the divisor.
        guard let first = rest.first, !first.factors.isEmpty else { return outer }
        let reduced = DimExpression(ordered: rest.compactMap {
            $0.coefficient / common == 0 ? nil : Term(coefficient: $0.coefficient / common, factors: $0.factors)
        })
        let below = divisor / common
        guard below > 1 else { return outer + Dim(reduced) }
        // floor((p + floor(a / b)) / c) = floor((b·p + a) / (b·c))
        for (index, term) in reduced.terms.enumerated() where term.coefficient == 1 && term.factors.count == 1 {
            guard case .floorDiv(let a, let b) = term.factors[0], let inner = b.constant, let product = checkedMultiply(inner, below) else { continue }
            var others = reduced.terms
            others.remove(at: index)
            let above = Dim(DimExpression(ordered: others)) * .value(inner) + Dim(a)
            guard !above.isUnknown else { break }
            return outer + above.floorDiv(.value(product))
        }
        return outer + reduced.quotientAtom(DimExpression(below))
    }

    private func quotientAtom(_ divisor: DimExpression) -> Dim {
        guard !terms.isEmpty else { return .value(0) }
        guard size + divisor.size < Self.limit else { return .unknown }
        return Dim(DimExpression(.floorDiv(self, divisor)))
    }

    /// Polynomial division (Knuth, TAOCP 2, 4.6.1) that must leave nothing; nil otherwise.
    private func exactQuotient(_ divisor: DimExpression) -> DimExpression? {
        var rest = self, quotient: [Term] = []
        for _ in 0..<Self.limit {
            guard let first = rest.terms.first else { return DimExpression(adding: quotient) }
            guard let term = first.divided(by: divisor.terms[0]) else { return nil }
            quotient.append(term)
            guard let product = DimExpression(ordered: [term]) * divisor, let next = rest + -product else { return nil }
            rest = next
        }
        return nil
    }
}

extension DimExpression.Term {
    /// Nil unless it is a multiple.
    fileprivate func divided(by divisor: Self) -> Self? {
        guard coefficient % divisor.coefficient == 0 else { return nil }
        var rest = factors
        for factor in divisor.factors {
            guard let place = rest.firstIndex(of: factor) else { return nil }
            rest.remove(at: place)
        }
        return Self(coefficient: coefficient / divisor.coefficient, factors: rest)
    }

    fileprivate func without(_ factor: DimAtom) -> Self {
        var rest = factors
        if let place = rest.firstIndex(of: factor) { rest.remove(at: place) }
        return Self(coefficient: coefficient, factors: rest)
    }
}

private func gcd(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}

extension DimExpression: Comparable {
    package static func < (a: DimExpression, b: DimExpression) -> Bool {
        if a.terms.count != b.terms.count { return a.terms.count < b.terms.count }
        for (x, y) in zip(a.terms, b.terms) {
            if x.factors != y.factors { return precedes(x.factors, y.factors) }
            if x.coefficient != y.coefficient { return x.coefficient < y.coefficient }
        }
        return false
    }
}

extension DimExpression: CustomStringConvertible {
    /// `2*N*M + K - 1`.
    package var description: String {
        guard !terms.isEmpty else { return "0" }
        var text = ""
        for (index, term) in terms.enumerated() {
            let size = term.coefficient.magnitude
            let factors = term.factors.map(\.description).joined(separator: "*")
            let body = factors.isEmpty ? "\(size)" : size == 1 ? factors : "\(size)*\(factors)"
            text += index == 0 ? (term.coefficient < 0 ? "-" : "") + body : (term.coefficient < 0 ? " - " : " + ") + body
        }
        return text
    }

    /// In brackets where it is a sum.
    var factor: String { terms.count > 1 || terms.first.map { $0.factors.count > 1 } ?? false ? "(\(description))" : description }
}
