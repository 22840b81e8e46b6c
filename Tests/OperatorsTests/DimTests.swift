import Tensors
import TestSupport
import Testing

@testable import Operators

/// Sizes known as symbols obey the laws of integers: whatever the symbols stand for, an expression is what its operations make of them.
@Suite struct DimTests {
    /// A random formula, as a size and as the function that it is of the symbols' values.
    private struct Formula {
        let dim: Dim
        let value: ([Int]) -> Int?
    }

    private static let names: [Name] = ["N", "M", "H", "W"]

    private static func floored(_ a: Int, _ b: Int) -> Int { Int((Double(a) / Double(b)).rounded(.down)) }

    private func formula(_ random: inout SeededRandom, depth: Int) -> Formula {
        if depth == 0 || random.next() % 6 == 0 {
            if random.next() % 2 == 0 {
                let index = Int(random.next() % 4)
                return Formula(dim: .symbol(Self.names[index])) { $0[index] }
            }
            let number = Int(random.next() % 9) - 3
            return Formula(dim: .value(number)) { _ in number }
        }
        let a = formula(&random, depth: depth - 1), b = formula(&random, depth: depth - 1)
        func both(_ body: @escaping (Int, Int) -> Int?) -> ([Int]) -> Int? {
            { sizes in a.value(sizes).flatMap { x in b.value(sizes).flatMap { body(x, $0) } } }
        }
        switch random.next() % 7 {
        case 0, 1: return Formula(dim: a.dim + b.dim, value: both { $0 + $1 })
        case 2: return Formula(dim: a.dim - b.dim, value: both { $0 - $1 })
        case 3: return Formula(dim: a.dim * b.dim, value: both { $0 * $1 })
        case 4: return Formula(dim: a.dim.floorDiv(b.dim), value: both { $1 == 0 ? nil : Self.floored($0, $1) })
        case 5: return Formula(dim: .max(a.dim, b.dim), value: both { max($0, $1) })
        default: return Formula(dim: .min(a.dim, b.dim), value: both { min($0, $1) })
        }
    }

    private func substituted(_ dim: Dim, _ sizes: [Int]) -> Dim {
        dim.substituting { symbol in
            guard case .named(let name) = symbol, let index = Self.names.firstIndex(of: name) else { return nil }
            return .value(sizes[index])
        }
    }

    @Test func expressionsAreWhatTheirOperationsMake() {
        var random = SeededRandom(), known = 0
        for _ in 0..<4000 {
            let formula = formula(&random, depth: 1 + Int(random.next() % 4))
            for _ in 0..<6 {
                let sizes = (0..<4).map { _ in Int(random.next() % 8) }
                // No value: a division by 0, of which nothing is promised.
                guard let wanted = formula.value(sizes), !formula.dim.isUnknown else { continue }
                let found = substituted(formula.dim, sizes)
                if found.isUnknown { continue }
                known += 1
                #expect(found == .value(wanted), "\(formula.dim) of \(sizes)")
                if let bound = formula.dim.lowerBound { #expect(bound <= wanted, "\(formula.dim) of \(sizes) is not below \(bound)") }
            }
        }
        #expect(known > 15_000)
    }

    /// What two formulas say of their difference holds for all sizes.
    @Test func samenessAndDifferenceAreSure() {
        var random = SeededRandom(), same = 0, different = 0
        for _ in 0..<4000 {
            let a = formula(&random, depth: 2), b = formula(&random, depth: 2)
            let (isSame, isDifferent) = (a.dim.isSame(as: b.dim), a.dim.isDifferent(from: b.dim))
            guard isSame || isDifferent else { continue }
            #expect(!(isSame && isDifferent))
            if isSame { same += 1 } else { different += 1 }
            for _ in 0..<6 {
                let sizes = (0..<4).map { _ in Int(random.next() % 8) }
                guard let x = a.value(sizes), let y = b.value(sizes) else { continue }
                #expect((x == y) == isSame, "\(a.dim) and \(b.dim) of \(sizes)")
            }
        }
        #expect(same > 20, "\(same)")
        #expect(different > 50, "\(different)")
    }

    /// The ring's laws hold as equality of what is written: that is what "canonical" means.
    @Test func equalPolynomialsAreWrittenAlike() {
        var random = SeededRandom()
        func polynomial() -> Dim {
            var sum = Dim.value(Int(random.next() % 7) - 3)
            for _ in 0..<1 + Int(random.next() % 3) {
                var term = Dim.value(Int(random.next() % 7) - 3)
                for _ in 0..<Int(random.next() % 3) { term = term * Dim.symbol(Self.names[Int(random.next() % 4)]) }
                sum = sum + term
            }
            return sum
        }
        for _ in 0..<1000 {
            let (a, b, c) = (polynomial(), polynomial(), polynomial())
            let zero = Dim.value(0)
            #expect(a + b == b + a)
            #expect(a * b == b * a)
            #expect((a + b) + c == a + (b + c))
            #expect((a * b) * c == a * (b * c))
            #expect(a * (b + c) == a * b + a * c)
            #expect(a - a == zero)
            #expect(a - b == zero - (b - a))
            if b != 0 { #expect((a * b).floorDiv(b) == a, "\(a) times \(b)") }
            let k = Int(random.next() % 9) + 1
            #expect((a * k + (k - 1)).floorDiv(k) == a)
            #expect((a + b * k).floorDiv(k) == a.floorDiv(k) + b)
            #expect(a.floorDiv(2).floorDiv(3) == a.floorDiv(6))
        }
    }

    @Test func quotientsThatModelsHave() {
        let n = Dim.symbol("N"), h = Dim.symbol("H")
        let all: Dim = n * 12 * 64 * h
        #expect(all.floorDiv(n * h) == Dim.value(768))
        #expect(all.floorDiv(768) == n * h)
        #expect((n + 1).floorDiv(2).floorDiv(2) == (n + 1).floorDiv(4))
        // A convolution of stride 2 twice.
        let once = (n - 1).floorDiv(2) + 1, twice = (once - 1).floorDiv(2) + 1
        #expect(once == (n + 1).floorDiv(2))
        #expect(twice == (n + 3).floorDiv(4))
        #expect(n.ceilDiv(2) == once)
        #expect(Dim.max(.value(0), n) == n)
        #expect(Dim.min(n, n + 1) == n)
        #expect(Dim.max(n, n + h) == n + h)
        let mixed: Dim = n * h * 2 + h - 1
        #expect(n.floorDiv(2).description == "floor(N/2)")
        #expect(mixed.description == "2*H*N + H - 1")
        #expect(n.isNonNegative && !n.isPositive)
        #expect((n + 1).isPositive && !(n - 1).isNonNegative)
    }

    @Test func sizesThatOverflowOrGrowAreUnknown() {
        let overflowing: [Dim] = [Dim.value(.max) + 1, Dim.value(.min) - 1, Dim.value(.max) * 2, Dim.value(.min).floorDiv(-1), Dim.value(3).floorDiv(0)]
        for dim in overflowing { #expect(dim == .unknown) }
        var sum = Dim.value(0), power = Dim.symbol("N"), tower = Dim.symbol("N"), large = Dim.symbol("N")
        for index in 0..<200 {
            sum = sum + .symbol(Name("s\(index)"))
            power = power * .symbol("N")
            tower = (tower * tower + 1).floorDiv(.symbol(Name("d\(index)")))
            large = large * Int(1 << 40) + .symbol("N")
        }
        for dim in [sum, power, tower, large] { #expect(dim == .unknown) }
        let extremes = [Int.max, .min, .min + 1, -1, 0, 1, 1 << 62]
        for a in extremes {
            for b in extremes {
                let dim = Dim.symbol("N") * a + .value(b)
                for c in extremes { _ = (dim.floorDiv(c), dim.ceilDiv(c), dim.isDifferent(from: .value(c)), dim * c, Dim.max(dim, .value(c)), dim.lowerBound) }
            }
        }
    }

    @Test func unknownIsNeverTheSame() {
        let unknown = Dim.unknown, fresh = Dim.fresh(), other = Dim.fresh()
        #expect(!unknown.isSame(as: unknown) && !unknown.isDifferent(from: unknown))
        #expect((unknown * 0).value == 0)
        #expect((unknown + 1).isUnknown)
        #expect(fresh.isSame(as: fresh) && !fresh.isSame(as: other))
        #expect((fresh - fresh).value == 0)
    }

    @Test func dimensionsOfONNX() {
        let read: [(Dimension.Size, Dim)] = [(.value(3), .value(3)), (.value(-1), .unknown), (.symbol("N"), .symbol("N")), (.unknown, .unknown), (.symbol(""), .unknown)]
        for (size, dim) in read { #expect(Dim(Dimension(size)) == dim) }
        let double = Dim.symbol("N") * 2 + 1
        let written: [(Dim, Dimension.Size)] = [
            (.symbol("N"), .symbol("N")), (double, .symbol("2*N + 1")), (.fresh(), .unknown), (.value(-2), .unknown), (.value(7), .value(7)), (.unknown, .unknown),
        ]
        for (dim, size) in written { #expect(dim.dimension.size == size) }
    }
}
