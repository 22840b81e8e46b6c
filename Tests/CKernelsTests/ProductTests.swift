import CKernels
import TestSupport
import Testing

/// One product and how its matrices lie in memory.
private struct ProductCase: CustomTestStringConvertible {
    let m: Int, n: Int, k: Int
    let transposesA: Bool, transposesB: Bool, adds: Bool
    let alpha: Float

    var testDescription: String { "\(m)×\(n)×\(k)\(transposesA ? " aᵀ" : "")\(transposesB ? " bᵀ" : "")\(adds ? " added" : "")" }

    static func random(_ random: inout SeededRandom) -> ProductCase {
        // Sizes around the edges of tiles and blocks, and small ones.
        let sizes = [1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 15, 16, 17, 31, 32, 33, 63, 65, 119, 121, 130]
        let depths = [1, 2, 3, 7, 8, 15, 17, 255, 256, 257, 300]
        let widths = sizes + [511, 513, 530]
        return ProductCase(
            m: sizes.randomElement(using: &random)!, n: widths.randomElement(using: &random)!, k: depths.randomElement(using: &random)!,
            transposesA: .random(using: &random), transposesB: .random(using: &random), adds: .random(using: &random),
            alpha: [1, 0.5, -2].randomElement(using: &random)!)
    }
}

@Suite struct ProductTests {
    private static let seed: UInt64 = 20_240_611

    @Test func agreesWithSumsInBinary64OnEveryFamilyOfProcessors() {
        var random = SeededRandom(seed: Self.seed)
        var scratch = [Float](repeating: .nan, count: Int(THIMBLE_PRODUCT_SCRATCH))
        for _ in 0..<40 {
            let one = ProductCase.random(&random)
            let a = (0..<one.m * one.k).map { _ in Float.random(in: -1...1, using: &random) }
            let b = (0..<one.k * one.n).map { _ in Float.random(in: -1...1, using: &random) }
            // Rows of c are 3 elements further apart than they are long; what lies between must stay.
            let stride = one.n + 3
            let before = (0..<one.m * stride).map { _ in Float.random(in: -1...1, using: &random) }
            for family in 0...thimble_processor() {
                var c = before
                run(one, a, b, &c, stride, family, &scratch)
                #expect(difference(one, a, b, before, c, stride) < 1e-5 * Double(one.k + 4), "\(one.testDescription), family \(family), seed \(Self.seed)")
            }
        }
    }

    @Test func isExactForIntegersOfNineBitsUpToTheStatedDepth() {
        var random = SeededRandom(seed: Self.seed)
        var scratch = [Float](repeating: 0, count: Int(THIMBLE_PRODUCT_SCRATCH))
        let k = Int(THIMBLE_EXACT_K), (m, n) = (7, 35)
        for extreme in [true, false] {
            let a = (0..<m * k).map { _ in extreme ? Float(255) : Float(Int.random(in: -255...255, using: &random)) }
            let b = (0..<k * n).map { _ in extreme ? Float(-255) : Float(Int.random(in: -255...255, using: &random)) }
            for family in 0...thimble_processor() {
                var c = [Float](repeating: 0, count: m * n)
                run(ProductCase(m: m, n: n, k: k, transposesA: false, transposesB: false, adds: false, alpha: 1), a, b, &c, n, family, &scratch)
                for i in 0..<m {
                    for j in 0..<n {
                        let sum = (0..<k).reduce(0) { $0 + Int(a[i * k + $1]) * Int(b[$1 * n + j]) }
                        #expect(Int(c[i * n + j]) == sum, "family \(family), seed \(Self.seed)")
                    }
                }
            }
        }
    }

    @Test func clearsTheResultOfAProductWithoutSteps() {
        var c: [Float] = [1, 2, 3, 4, 5, 6], scratch: [Float] = [0]
        run(ProductCase(m: 2, n: 2, k: 0, transposesA: false, transposesB: false, adds: false, alpha: 1), [0], [0], &c, 3, 0, &scratch)
        #expect(c == [0, 0, 3, 0, 0, 6])
        run(ProductCase(m: 2, n: 3, k: 0, transposesA: false, transposesB: false, adds: true, alpha: 1), [0], [0], &c, 3, 0, &scratch)
        #expect(c == [0, 0, 3, 0, 0, 6])
    }

    @Test(arguments: [1, 2, 3]) func addsScaledRowsWithAnyStep(step: Int) {
        for count in 0..<70 {
            let x = (0..<max(1, count * step)).map { Float($0 % 17) - 8 }
            var y = (0..<count + 1).map { Float($0) }
            thimble_axpy(count, 0.5, x, step, &y)
            let expected = (0..<count).map { Float($0) + 0.5 * x[$0 * step] } + [Float(count)]
            #expect(y == expected)
        }
    }

    private func run(
        _ one: ProductCase, _ a: [Float], _ b: [Float], _ c: inout [Float], _ stride: Int, _ family: UInt32, _ scratch: inout [Float]
    ) {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                c.withUnsafeMutableBufferPointer { c in
                    var product = thimble_product(
                        m: one.m, n: one.n, k: one.k, alpha: one.alpha, a: a.baseAddress, a_row: one.transposesA ? 1 : one.k, a_column: one.transposesA ? one.m : 1,
                        b: b.baseAddress, b_row: one.transposesB ? 1 : one.n, b_column: one.transposesB ? one.k : 1, c: c.baseAddress, c_row: stride, add: one.adds)
                    thimble_product_run_as(family, &product, &scratch)
                }
            }
        }
    }

    /// The largest difference from the product in binary64, infinite if anything between the rows changed.
    private func difference(_ one: ProductCase, _ a: [Float], _ b: [Float], _ before: [Float], _ c: [Float], _ stride: Int) -> Double {
        var largest = 0.0
        for i in 0..<one.m {
            for j in 0..<stride {
                let at = i * stride + j
                if j >= one.n {
                    if c[at] != before[at] { return .infinity }
                    continue
                }
                var sum = 0.0
                for s in 0..<one.k {
                    sum += Double(a[one.transposesA ? s * one.m + i : i * one.k + s]) * Double(b[one.transposesB ? j * one.k + s : s * one.n + j])
                }
                let expected = sum * Double(one.alpha) + (one.adds ? Double(before[at]) : 0)
                largest = max(largest, abs(expected - Double(c[at])))
            }
        }
        return largest
    }
}
