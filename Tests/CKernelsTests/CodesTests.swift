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
                (source.codes, source.size, source.is_signed, source.pivot) = (UnsafePointer(codes.at), codes.count, one.isSigned, Int32(one.middle))
                (source.k_step, source.n_step) = one.isTransposed ? (1, one.k) : (one.n, 1)
                (source.scale, source.zero, source.table) = (UnsafePointer(scales.at), zeros.map { UnsafePointer($0.at) }, UnsafePointer(tables.at))
                (source.scale_grid, source.zero_grid, source.table_grid) = (grid, grid, grid)
                let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), scratch = Memory<UInt8>.garbage(thimble_codes_scratch(&product))
                #expect(thimble_codes_pack(&product, &source, packed.at))
                let c = Memory((one.m - 1) * cStride + one.n) { _ in Float(123) }
                let units = thimble_codes_units(&product), cut = Int.random(in: 0...units, using: &random)
                for range in [(cut, units), (0, cut)] { thimble_codes_run(&product, a.at, packed.at, bias?.at, nil, c.at, range.0, range.1, scratch.at) }
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
                (source.codes, source.size, source.is_signed, source.pivot) = (UnsafePointer(codes.at), codes.count, one.isSigned, Int32(one.middle))
                (source.k_step, source.n_step) = one.isTransposed ? (1, one.k) : (one.n, 1)
                (source.scale, source.zero, source.table) = (UnsafePointer(scales.at), zeros.map { UnsafePointer($0.at) }, UnsafePointer(tables.at))
                (source.scale_grid, source.zero_grid, source.table_grid) = (grid, grid, grid)
                let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), scratch = Memory<UInt8>.garbage(thimble_codes_scratch(&product))
                #expect(thimble_codes_pack(&product, &source, packed.at))
                let c = Memory(rows * one.n) { _ in Float.nan }
                thimble_codes_run(&product, unit.at, packed.at, nil, nil, c.at, 0, thimble_codes_units(&product), scratch.at)
                let isEqual = (0..<one.k).allSatisfy { s in (0..<one.n).allSatisfy { c[s * one.n + $0] == one.weight(s, $0) } }
                #expect(isEqual, "\(number): \(one.n)×\(one.k), \(one.bits) bits, kind \(one.kind.rawValue), groups \(one.group), family \(family)")
            }
        }
    }

    /// A product with affine codes, and what it should be.
    private struct Affine {
        let (m, n, k, bits, group): (Int, Int, Int, Int, Int)
        let codes: [Int], scales: [Float], pivot: Int
        /// Scales lie with steps, not with columns.
        let isBySteps: Bool

        func weight(_ step: Int, _ column: Int) -> Float {
            Float(codes[step * n + column] - pivot) * (isBySteps ? scales[step] : scales[step / group * n + column])
        }

        func description(_ family: UInt32) -> thimble_codes {
            var product = thimble_codes()
            (product.family, product.m, product.n, product.k, product.a_stride, product.c_stride) = (family, m, n, k, k, n)
            (product.kind, product.bits, product.group) = (isBySteps ? THIMBLE_CODES_STEPS : THIMBLE_CODES_AFFINE, UInt32(bits), group)
            (product.residual_stride, product.low, product.high) = (n, -.infinity, .infinity)
            return product
        }

        /// Calls `body` with a source without codes.
        func withSource<R>(_ body: (inout thimble_codes_source) -> R) -> R {
            scales.withUnsafeBufferPointer { scales in
                var source = thimble_codes_source()
                (source.k_step, source.n_step, source.scale, source.pivot) = (n, 1, scales.baseAddress, Int32(pivot))
                source.scale_grid = thimble_codes_grid(k_step: isBySteps ? 1 : n, n_step: isBySteps ? 0 : 1, columns: 1)
                return body(&source)
            }
        }

        var stream: [UInt8] {
            var bytes = [UInt8](repeating: 0, count: (codes.count * bits + 7) / 8)
            thimble_pack_codes(codes.map { Int32($0) }, codes.count, UInt32(bits), &bytes)
            return bytes
        }

        /// Expects sums to be right that begin with what c holds or with a bias, and end with a residual.
        func check(_ product: thimble_codes, _ packed: Memory<UInt8>, adds: Bool, _ random: inout SeededRandom, _ what: String) {
            var product = product
            product.add = adds
            let a = Memory(m * k) { _ in Float.random(in: -1...1, using: &random) }, bias = Memory(n) { _ in Float.random(in: -1...1, using: &random) }
            let residual = Memory(m * n) { _ in Float.random(in: -1...1, using: &random) }, c = Memory(m * n) { Float($0 % 5) }
            let scratch = Memory<UInt8>.garbage(thimble_codes_scratch(&product))
            thimble_codes_run(&product, a.at, packed.at, bias.at, residual.at, c.at, 0, thimble_codes_units(&product), scratch.at)
            var worst = 0.0
            for i in 0..<m {
                for j in 0..<n {
                    var sum = Double(adds ? Float((i * n + j) % 5) : bias[j]) + Double(residual[i * n + j]), size = 1.0
                    for s in 0..<k {
                        let term = Double(a[i * k + s]) * Double(weight(s, j))
                        sum += term
                        size += abs(term)
                    }
                    worst = max(worst, abs(sum - Double(c[i * n + j])) / size)
                }
            }
            #expect(worst < 1e-6, "\(what)")
        }
    }

    /// Wide codes are held in 16 bits, or in 8 with the few that do not fit apart.
    @Test(arguments: [1, 2, 3, 7, 8, 20]) func wideCodesAreWhatTheyStandFor(rows: Int) {
        var random = SeededRandom(seed: Self.seed + UInt64(rows))
        for (n, k, bits) in [(1, 5, 9), (17, 64, 12), (80, 200, 16), (150, 33, 16)] {
            for isBySteps in [false, true] {
                let pivot = 1 << (bits - 1) - 40, far = [0, 1 << bits - 1, pivot - 129, pivot + 128]
                let codes = (0..<n * k).map { $0 % 331 == 3 ? far[$0 % 4] : pivot + Int.random(in: -128...127, using: &random) }
                let group = [k, 16].randomElement(using: &random)!, scales = (0..<n * k).map { _ in Float.random(in: 0.1...1, using: &random) }
                let one = Affine(m: rows, n: n, k: k, bits: bits, group: isBySteps ? k : group, codes: codes, scales: scales, pivot: pivot, isBySteps: isBySteps)
                for family in 0...thimble_processor() {
                    var product = one.description(family)
                    product.narrow = true
                    thimble_codes_prepare(&product)
                    #expect(product.narrow == !isBySteps)
                    let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), stream = Memory(one.stream)
                    // Steps that are held in 8 bits cannot hold these.
                    guard !isBySteps else { continue }
                    one.withSource { source in
                        (source.codes, source.size) = (UnsafePointer(stream.at), stream.count)
                        #expect(thimble_codes_pack(&product, &source, packed.at))
                    }
                    for adds in [false, true] { one.check(product, packed, adds: adds, &random, "\(rows)×\(n)×\(k), \(bits) bits, group \(group), family \(family)") }
                }
            }
        }
    }

    @Test func tooManyCodesThatDoNotFitAreToldOf() {
        let one = Affine(
            m: 1, n: 20, k: 100, bits: 10, group: 100, codes: (0..<2000).map { $0 % 1024 }, scales: Array(repeating: 1, count: 20), pivot: 512, isBySteps: false)
        var product = one.description(thimble_processor())
        product.narrow = true
        thimble_codes_prepare(&product)
        let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), stream = Memory(one.stream)
        one.withSource { source in
            (source.codes, source.size) = (UnsafePointer(stream.at), stream.count)
            #expect(!thimble_codes_pack(&product, &source, packed.at))
        }
    }

    @Test(arguments: [1, 3, 8, 20]) func stepsHaveScalesOfTheirOwn(rows: Int) {
        var random = SeededRandom(seed: Self.seed + 50 + UInt64(rows))
        for (n, k, bits) in [(1, 5, 8), (33, 130, 3), (70, 64, 8)] {
            let codes = (0..<n * k).map { _ in Int.random(in: 0..<1 << bits, using: &random) }, scales = (0..<k).map { _ in Float.random(in: 0.1...1, using: &random) }
            let one = Affine(m: rows, n: n, k: k, bits: bits, group: k, codes: codes, scales: scales, pivot: 1 << (bits - 1), isBySteps: true)
            for family in 0...thimble_processor() {
                var product = one.description(family)
                thimble_codes_prepare(&product)
                let packed = Memory<UInt8>.garbage(thimble_codes_pack_size(&product)), stream = Memory(one.stream)
                one.withSource { source in
                    (source.codes, source.size) = (UnsafePointer(stream.at), stream.count)
                    #expect(thimble_codes_pack(&product, &source, packed.at))
                }
                one.check(product, packed, adds: false, &random, "\(rows)×\(n)×\(k), \(bits) bits, family \(family)")
            }
        }
    }

    /// Parts in any order make the same bytes as the whole.
    @Test func partsAreTheWhole() {
        var random = SeededRandom(seed: Self.seed + 90)
        for bits in [2, 3, 4, 5, 8, 12, 16] {
            let (n, k) = (75, 97), pivot = 1 << (bits - 1)
            let codes = (0..<n * k).map { _ in Int.random(in: 0..<1 << bits, using: &random) }
            let one = Affine(m: 1, n: n, k: k, bits: bits, group: 32, codes: codes, scales: (0..<n * 4).map { Float($0) }, pivot: pivot, isBySteps: false)
            var product = one.description(thimble_processor())
            thimble_codes_prepare(&product)
            let size = thimble_codes_pack_size(&product), whole = Memory<UInt8>.garbage(size), parts = Memory<UInt8>.garbage(size), stream = Memory(one.stream)
            one.withSource { source in
                (source.codes, source.size) = (UnsafePointer(stream.at), stream.count)
                _ = thimble_codes_pack(&product, &source, whole.at)
                thimble_codes_pack_begin(&product, &source, parts.at)
                for first in [64, 0, 32, 96] {
                    // Only the bytes from a whole one on.
                    let start = first * n / 8 * 8, last = min(k, first + 32), bytes = Array(one.stream[(start * bits / 8)..<((last * n * bits + 7) / 8)]), part = Memory(bytes)
                    (source.codes, source.size, source.first) = (UnsafePointer(part.at), part.count, start)
                    thimble_codes_pack_part(&product, &source, first, last, 0, n, parts.at)
                }
            }
            #expect((0..<size).allSatisfy { whole[$0] == parts[$0] }, "\(bits) bits")
        }
    }

    @Test func rowsOfATableAreDecoded() {
        var random = SeededRandom(seed: Self.seed + 91)
        for (bits, group) in [(8, 20), (8, 7), (3, 20), (4, 5), (13, 20)] {
            let (rows, row) = (11, 20), groups = (row + group - 1) / group
            let codes = (0..<rows * row).map { _ in Int32.random(in: 0..<1 << Int32(bits), using: &random) }
            var bytes = [UInt8](repeating: 0, count: (codes.count * bits + 7) / 8)
            thimble_pack_codes(codes, codes.count, UInt32(bits), &bytes)
            let stream = Memory(bytes), scales = Memory(rows * groups) { Float($0 + 1) }, zeros = Memory(rows * groups) { Float($0 % 5) }
            var table = thimble_codes_table()
            (table.kind, table.bits, table.row, table.group, table.rows, table.count, table.wide) = (THIMBLE_CODES_AFFINE, UInt32(bits), row, group, rows, 4, true)
            (table.source.codes, table.source.size, table.source.n_step) = (UnsafePointer(stream.at), stream.count, row)
            (table.source.scale, table.source.zero) = (UnsafePointer(scales.at), UnsafePointer(zeros.at))
            table.source.scale_grid = thimble_codes_grid(k_step: 1, n_step: groups, columns: 1)
            let out = Memory(4 * row) { _ in Float.nan }, places: [Int64] = [3, -1, 0, 3]
            thimble_codes_rows(&table, places, out.at, 0, 4)
            for (i, place) in [3, 10, 0, 3].enumerated() {
                for j in 0..<row {
                    let cell = place * groups + j / group
                    #expect(out[i * row + j] == (Float(codes[place * row + j]) - Float(cell % 5)) * Float(cell + 1))
                }
            }
        }
    }
}
