import CKernels
import TestSupport
import Testing

/// Memory of exactly `count` floats, at a multiple of 64 bytes.
final class Floats {
    let at: UnsafeMutablePointer<Float>
    let count: Int

    init(_ count: Int, _ value: (Int) -> Float = { _ in 0 }) {
        self.count = count
        at = UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * 4, alignment: 64).bindMemory(to: Float.self, capacity: max(1, count))
        for i in 0..<count { (at + i).initialize(to: value(i)) }
    }

    deinit { at.deallocate() }

    subscript(i: Int) -> Float { get { at[i] } set { at[i] = newValue } }

    static func random(_ count: Int, _ random: inout SeededRandom) -> Floats {
        let floats = Floats(count)
        for i in 0..<count { floats[i] = .random(in: -1...1, using: &random) }
        return floats
    }
}

/// Blocks that an epilogue was called for; it doubles their values.
final class Blocks {
    struct Block {
        let firstRow: Int, rows: Int, firstColumn: Int, columns: Int
    }
    var all: [Block] = []

    static let epilogue: thimble_epilogue = { context, rows, rowCount, columnCount, rowStride, firstRow, firstColumn in
        let blocks = Unmanaged<Blocks>.fromOpaque(context!).takeUnretainedValue()
        blocks.all.append(Block(firstRow: firstRow, rows: rowCount, firstColumn: firstColumn, columns: columnCount))
        for i in 0..<rowCount {
            for j in 0..<columnCount { rows![i * rowStride + j] *= 2 }
        }
    }

    /// Whether each of rows x columns lies in exactly one block.
    func cover(rows: Int, columns: Int) -> Bool {
        var seen = [Int](repeating: 0, count: rows * columns)
        for block in all {
            for i in block.firstRow..<block.firstRow + block.rows {
                for j in block.firstColumn..<block.firstColumn + block.columns { seen[i * columns + j] += 1 }
            }
        }
        return seen.allSatisfy { $0 == 1 }
    }
}

@Suite struct MatmulTests {
    private static let seed: UInt64 = 20_250_117

    @Test func agreesWithSumsInBinary64OnEveryFamilyOfProcessors() {
        var random = SeededRandom(seed: Self.seed)
        let rows = [1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 14, 15, 25, 97], columns = [1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 33, 48, 58, 65, 116, 130]
        for number in 0..<60 {
            let (m, n) = (rows.randomElement(using: &random)!, columns.randomElement(using: &random)!)
            let k = [0, 1, 2, 3, 4, 5, 7, 16, 33, 90].randomElement(using: &random)!
            let order = Int.random(in: 0...2, using: &random), adds = Bool.random(using: &random), clamps = Bool.random(using: &random)
            let (aStride, cStride) = (k + Int.random(in: 0...2, using: &random), n + Int.random(in: 0...3, using: &random))
            let a = Floats.random(k == 0 ? 1 : (m - 1) * aStride + k, &random), b = Floats.random(k * n * (order == 2 ? 2 : 1), &random)
            // Columns, rows, or neither of b follow each other.
            let (kStep, nStep) = order == 0 ? (n, 1) : order == 1 ? (1, k) : (2 * n, 2)
            let bias = Bool.random(using: &random) ? Floats.random(n, &random) : nil
            let residual = Bool.random(using: &random) ? Floats.random(m * n, &random) : nil
            let before = Floats.random((m - 1) * cStride + n, &random)
            for family in 0...thimble_processor() {
                let blocks = Blocks()
                var product = thimble_matmul()
                product.family = family
                (product.m, product.n, product.k) = (m, n, k)
                (product.a_stride, product.c_stride, product.residual_stride) = (aStride, cStride, n)
                (product.low, product.high) = clamps ? (-1, 1.5) : (-.infinity, .infinity)
                product.add = adds
                product.epilogue = Blocks.epilogue
                product.context = UnsafeRawPointer(Unmanaged.passUnretained(blocks).toOpaque())
                thimble_matmul_prepare(&product)
                let packed = Floats(thimble_matmul_pack_size(&product) / 4)
                thimble_matmul_pack(&product, b.at, kStep, nStep, 0.5, packed.at)
                let c = Floats(before.count) { before[$0] }
                let units = thimble_matmul_units(&product), cut = Int.random(in: 0...units, using: &random)
                for range in [(cut, units), (0, cut)] {
                    thimble_matmul_run(&product, a.at, packed.at, bias?.at, residual?.at, c.at, range.0, range.1, nil)
                }
                var worst = 0.0
                for i in 0..<m {
                    for j in 0..<n {
                        var sum = adds ? Double(before[i * cStride + j]) : Double(bias?[j] ?? 0)
                        for s in 0..<k { sum += 0.5 * Double(a[i * aStride + s]) * Double(b[s * kStep + j * nStep]) }
                        sum += Double(residual?[i * n + j] ?? 0)
                        if clamps { sum = min(max(sum, -1), 1.5) }
                        worst = max(worst, abs(2 * sum - Double(c[i * cStride + j])))
                    }
                    if i + 1 < m {
                        for j in n..<cStride where c[i * cStride + j] != before[i * cStride + j] { worst = .infinity }
                    }
                }
                #expect(worst < 1e-5, "\(number): \(m)×\(n)×\(k), family \(family), seed \(Self.seed)")
                #expect(blocks.cover(rows: m, columns: n), "\(number): \(m)×\(n)×\(k), family \(family), seed \(Self.seed)")
            }
        }
    }

    @Test func packsTheSameInPieces() {
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<60 {
            let (n, k) = (Int.random(in: 1...150, using: &random), [1, 2, 5, 16, 33].randomElement(using: &random)!), b = Floats.random(n * k, &random)
            for (family, hasRows) in (0...thimble_processor()).flatMap({ [($0, true), ($0, false)] }) {
                let (kStep, nStep) = hasRows ? (n, 1) : (1, k)
                var product = thimble_matmul()
                (product.family, product.m, product.n, product.k) = (family, 1, n, k)
                thimble_matmul_prepare(&product)
                let size = thimble_matmul_pack_size(&product) / 4, whole = Floats(size) { _ in 7 }, parts = Floats(size) { _ in 7 }
                thimble_matmul_pack(&product, b.at, kStep, nStep, 0.5, whole.at)
                for range in pieces(of: n * k, unit: thimble_matmul_pack_unit(&product, kStep, nStep), &random).reversed() {
                    let piece = Floats(range.count) { b[range.lowerBound + $0] }
                    thimble_matmul_pack_part(&product, piece.at, range.lowerBound, range.upperBound, kStep, nStep, 0.5, parts.at)
                }
                #expect((0..<size).allSatisfy { whole[$0].bitPattern == parts[$0].bitPattern }, "\(n)×\(k), rows \(hasRows), family \(family)")
            }
        }
    }

    @Test func keepsWhatIsNotANumberAndInfinity() {
        for family in 0...thimble_processor() {
            var product = thimble_matmul()
            product.family = family
            (product.m, product.n, product.k) = (2, 3, 1)
            (product.a_stride, product.c_stride) = (1, 3)
            (product.low, product.high) = (0, .infinity)
            thimble_matmul_prepare(&product)
            let packed = Floats(thimble_matmul_pack_size(&product) / 4), a = Floats(2) { $0 == 0 ? .nan : .infinity }, b = Floats(3) { Float($0) - 1 }, c = Floats(6)
            thimble_matmul_pack(&product, b.at, 3, 1, 1, packed.at)
            thimble_matmul_run(&product, a.at, packed.at, nil, nil, c.at, 0, thimble_matmul_units(&product), nil)
            #expect((0..<3).allSatisfy { c[$0].isNaN })
            #expect(c[3] == 0 && c[4].isNaN && c[5] == .infinity)
        }
    }
}
