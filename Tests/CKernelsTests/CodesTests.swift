import CKernels
import TestSupport
import Testing

/// A matrix [k, n] of codes and what they stand for.
private struct CodedMatrix {
    let m: Int, n: Int, k: Int, bits: Int, group: Int, columns: Int
    let kind: thimble_codes_kind, isSigned: Bool, isTransposed: Bool
    let codes: [Int], scales: [Float], zeros: [Float]?, tables: [Float]

    var groups: Int { (k + group - 1) / group }
    private var columnGroups: Int { (n + columns - 1) / columns }
    var middle: Float { isSigned ? 0 : Float(1 << (bits - 1)) }

    init(_ random: inout SeededRandom) {
        func one(_ values: [Int]) -> Int { values.randomElement(using: &random)! }
        (m, n, bits) = (one([1, 1, 2, 3, 4, 7, 8, 13]), one([1, 3, 15, 16, 17, 33, 64, 65, 80]), one([1, 2, 3, 4, 5, 6, 7, 8]))
        let depth = one([1, 3, 16, 31, 64, 65, 130])
        k = depth
        group = min(depth, one([7, 8, 16, 32, 33, depth]))
        columns = one([1, 1, 16, 128])
        kind = [THIMBLE_CODES_AFFINE, THIMBLE_CODES_AFFINE, THIMBLE_CODES_TABLE, THIMBLE_CODES_TABLES].randomElement(using: &random)!
        (isSigned, isTransposed) = (one([0, 1]) == 1, one([0, 1]) == 1)
        let size = 1 << bits, cells = (depth + group - 1) / group * ((n + columns - 1) / columns)
        codes = (0..<depth * n).map { _ in Int.random(in: 0..<size, using: &random) }
        scales = (0..<cells).map { _ in Float.random(in: 0.1...1, using: &random) }
        zeros = one([0, 1]) == 1 ? (0..<cells).map { _ in Float(Int.random(in: -6...18, using: &random)) / 2 } : nil
        tables = (0..<(kind == THIMBLE_CODES_TABLE ? size : cells * size)).map { _ in Float.random(in: -1...1, using: &random) }
    }

    /// Codes as a stream, LSB first.
    var stream: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (codes.count * bits + 7) / 8)
        for i in 0..<codes.count {
            let code = isTransposed ? codes[i % k * n + i / k] : codes[i]
            for bit in 0..<bits where code >> bit & 1 == 1 { bytes[(i * bits + bit) / 8] |= 1 << ((i * bits + bit) % 8) }
        }
        return bytes
    }

    /// Cells are numbered column group by column group.
    private func cell(_ step: Int, _ column: Int) -> Int { column / columns * groups + step / group }

    func weight(_ step: Int, _ column: Int) -> Float {
        let code = codes[step * n + column]
        guard kind == THIMBLE_CODES_AFFINE else { return tables[(kind == THIMBLE_CODES_TABLE ? 0 : cell(step, column) << bits) + code] }
        let value = isSigned && code >> (bits - 1) == 1 ? code - (1 << bits) : code
        return (Float(value) - (zeros?[cell(step, column)] ?? middle)) * scales[cell(step, column)]
    }
}

@Suite struct CodesTests {
    private static let seed: UInt64 = 20_250_518

    @Test func productsAgreeWithSumsInBinary64OnEveryFamilyOfProcessors() {
        var random = SeededRandom(seed: Self.seed)
        for number in 0..<100 {
            let one = CodedMatrix(&random)
            let (aStride, cStride) = (one.k + Int.random(in: 0...2, using: &random), one.n + Int.random(in: 0...3, using: &random))
            let a = Memory((one.m - 1) * aStride + one.k) { _ in Float.random(in: -1...1, using: &random) }
            let bias = Bool.random(using: &random) ? Memory(one.n) { _ in Float.random(in: -1...1, using: &random) } : nil
            let clamps = Bool.random(using: &random)
            let codes = Memory(one.stream), scales = Memory(one.scales), zeros = one.zeros.map { Memory($0) }, tables = Memory(one.tables)
            let grid = thimble_codes_grid(k_step: 1, n_step: one.groups, columns: one.columns)
            for family in 0...thimble_processor() {
                var product = thimble_codes()
                (product.family, product.m, product.n, product.k) = (family, one.m, one.n, one.k)
                (product.a_stride, product.c_stride, product.kind, product.bits, product.group) = (aStride, cStride, one.kind, UInt32(one.bits), one.group)
                (product.zeros, product.low, product.high) = (zeros != nil, clamps ? -0.5 : -.infinity, clamps ? 2 : .infinity)
                thimble_codes_prepare(&product)
                var source = thimble_codes_source()
                (source.codes, source.size, source.is_signed) = (UnsafePointer(codes.at), codes.count, one.isSigned)
                (source.k_step, source.n_step) = one.isTransposed ? (1, one.k) : (one.n, 1)
                (source.scale, source.zero, source.table) = (UnsafePointer(scales.at), zeros.map { UnsafePointer($0.at) }, UnsafePointer(tables.at))
                (source.scale_grid, source.zero_grid, source.table_grid) = (grid, grid, grid)
                let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), scratch = Memory<UInt8>.garbage(thimble_codes_scratch(&product))
                thimble_codes_pack(&product, &source, packed.at)
                let c = Memory((one.m - 1) * cStride + one.n) { _ in Float(123) }
                let units = thimble_codes_units(&product), cut = Int.random(in: 0...units, using: &random)
                for range in [(cut, units), (0, cut)] { thimble_codes_run(&product, a.at, packed.at, bias?.at, c.at, range.0, range.1, scratch.at) }
                var worst = 0.0
                for i in 0..<one.m {
                    for j in 0..<one.n {
                        var sum = Double(bias?[j] ?? 0), size = 1.0
                        for s in 0..<one.k {
                            let term = Double(a[i * aStride + s]) * Double(one.weight(s, j))
                            sum += term
                            // Zero points are taken from the sums of codes, which are as large as codes are.
                            size += abs(term) + (one.kind == THIMBLE_CODES_AFFINE ? Double(1 << one.bits) : 0)
                        }
                        if clamps { sum = min(max(sum, -0.5), 2) }
                        worst = max(worst, abs(sum - Double(c[i * cStride + j])) / size)
                    }
                    if i + 1 < one.m {
                        for j in one.n..<cStride where c[i * cStride + j] != 123 { worst = .infinity }
                    }
                }
                #expect(
                    worst < 1e-6, "\(number): \(one.m)×\(one.n)×\(one.k), \(one.bits) bits, kind \(one.kind.rawValue), groups \(one.group), family \(family), seed \(Self.seed)")
            }
        }
    }

    /// From eight rows on, a product with the unit matrix shows the weights themselves.
    @Test func decodesAsTheFormatSays() {
        var random = SeededRandom(seed: Self.seed + 1)
        for number in 0..<60 {
            let one = CodedMatrix(&random)
            let rows = max(8, one.k), codes = Memory(one.stream), scales = Memory(one.scales), zeros = one.zeros.map { Memory($0) }, tables = Memory(one.tables)
            let unit = Memory(rows * one.k) { Float($0 / one.k == $0 % one.k ? 1 : 0) }
            let grid = thimble_codes_grid(k_step: 1, n_step: one.groups, columns: one.columns)
            for family in 0...thimble_processor() {
                var product = thimble_codes()
                (product.family, product.m, product.n, product.k) = (family, rows, one.n, one.k)
                (product.a_stride, product.c_stride, product.kind, product.bits, product.group) = (one.k, one.n, one.kind, UInt32(one.bits), one.group)
                (product.zeros, product.low, product.high) = (zeros != nil, -.infinity, .infinity)
                thimble_codes_prepare(&product)
                var source = thimble_codes_source()
                (source.codes, source.size, source.is_signed) = (UnsafePointer(codes.at), codes.count, one.isSigned)
                (source.k_step, source.n_step) = one.isTransposed ? (1, one.k) : (one.n, 1)
                (source.scale, source.zero, source.table) = (UnsafePointer(scales.at), zeros.map { UnsafePointer($0.at) }, UnsafePointer(tables.at))
                (source.scale_grid, source.zero_grid, source.table_grid) = (grid, grid, grid)
                let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), scratch = Memory<UInt8>.garbage(thimble_codes_scratch(&product))
                thimble_codes_pack(&product, &source, packed.at)
                let c = Memory(rows * one.n) { _ in Float.nan }
                thimble_codes_run(&product, unit.at, packed.at, nil, c.at, 0, thimble_codes_units(&product), scratch.at)
                let isEqual = (0..<one.k).allSatisfy { s in (0..<one.n).allSatisfy { c[s * one.n + $0] == one.weight(s, $0) } }
                #expect(isEqual, "\(number): \(one.n)×\(one.k), \(one.bits) bits, kind \(one.kind.rawValue), groups \(one.group), family \(family)")
            }
        }
    }
}
