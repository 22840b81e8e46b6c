import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct RowsTests {
    private static let sizes = [1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 65, 100, 130, 1030]

    @Test func reductionsAndSoftmaxesAgreeWithBinary64AlongAnyAxis() {
        var random = SeededRandom()
        let ops: [(thimble_rows_op, ([Double]) -> [Double])] = [
            (THIMBLE_ROWS_SOFTMAX, { x in softmax(x) }),
            (THIMBLE_ROWS_LOG_SOFTMAX, { x in softmax(x).map { log($0) } }),
            (THIMBLE_ROWS_L1_NORMALIZE, { x in x.map { $0 / x.reduce(0) { $0 + abs($1) } } }),
            (THIMBLE_ROWS_L2_NORMALIZE, { x in x.map { $0 / squares(x).squareRoot() } }),
            (THIMBLE_ROWS_CUMULATED_SUM, cumulated),
            (THIMBLE_ROWS_SUM, { x in [x.reduce(0, +)] }), (THIMBLE_ROWS_MEAN, { x in [x.reduce(0, +) / Double(x.count)] }),
            (THIMBLE_ROWS_PRODUCT, { x in [x.reduce(1, *)] }), (THIMBLE_ROWS_MAX, { x in [x.max()!] }), (THIMBLE_ROWS_MIN, { x in [x.min()!] }),
            (THIMBLE_ROWS_L1, { x in [x.reduce(0) { $0 + abs($1) }] }), (THIMBLE_ROWS_L2, { x in [squares(x).squareRoot()] }),
            (THIMBLE_ROWS_SUM_SQUARE, { x in [squares(x)] }), (THIMBLE_ROWS_LOG_SUM, { x in [log(x.reduce(0, +))] }),
            (THIMBLE_ROWS_LOG_SUM_EXP, { x in [log(x.reduce(0) { $0 + exp($1) })] }),
        ]
        for (op, exact) in ops {
            for _ in 0..<8 {
                let axis = Self.sizes.randomElement(using: &random)!, inner = [1, 1, 1, 2, 15, 17, 64, 65, 130].randomElement(using: &random)!, outer = Int.random(in: 1...4, using: &random)
                // Near 1 and positive, so that products stay finite and logarithms exist.
                let x = (0..<outer * axis * inner).map { _ in Float.random(in: 0.9...1.1, using: &random) }
                for family in 0...thimble_processor() {
                    let y = run(thimble_rows(family: family, op: UInt8(op.rawValue), outer: outer, axis: axis, inner: inner, last: false, exclusive: false, reverse: false), x)
                    let count = y.count / (outer * inner)
                    var worst = 0.0
                    for o in 0..<outer {
                        for i in 0..<inner {
                            let expected = exact((0..<axis).map { Double(x[(o * axis + $0) * inner + i]) })
                            for s in 0..<count {
                                let error = abs(Double(y[(o * count + s) * inner + i]) - expected[s]) / max(abs(expected[s]), 1e-3)
                                if !(error <= worst) { worst = error }
                            }
                        }
                    }
                    #expect(worst < 5e-6, "operator \(op.rawValue), \(outer)×\(axis)×\(inner), family \(family), seed \(random.seed)")
                }
            }
        }
    }

    @Test func NaNAndInfinityGoThrough() {
        let infinity = Float.infinity, nan = Float.nan
        let cases: [(x: [Float], op: thimble_rows_op, y: Float)] = [
            ([1, nan, 3], THIMBLE_ROWS_MAX, nan), ([1, nan, 3], THIMBLE_ROWS_MIN, nan), ([1, nan, 3], THIMBLE_ROWS_SUM, nan),
            ([1, nan, 3], THIMBLE_ROWS_LOG_SUM_EXP, nan), ([1, nan, 3], THIMBLE_ROWS_SOFTMAX, nan),
            ([1, -infinity, 3], THIMBLE_ROWS_MAX, 3), ([1, -infinity, 3], THIMBLE_ROWS_MIN, -infinity),
            ([3, -infinity, 3], THIMBLE_ROWS_LOG_SUM_EXP, 3.6931472), ([1, infinity, 3], THIMBLE_ROWS_MAX, infinity),
            ([1, infinity, 3], THIMBLE_ROWS_SUM, infinity), ([1, infinity, 3], THIMBLE_ROWS_LOG_SUM_EXP, infinity),
            ([-infinity, -infinity], THIMBLE_ROWS_LOG_SUM_EXP, -infinity),
            ([], THIMBLE_ROWS_SUM, 0), ([], THIMBLE_ROWS_PRODUCT, 1), ([], THIMBLE_ROWS_MAX, -infinity), ([], THIMBLE_ROWS_MIN, infinity), ([], THIMBLE_ROWS_MEAN, nan),
        ]
        for family in 0...thimble_processor() {
            for inner in [1, 3] {
                for one in cases {
                    let rows = thimble_rows(
                        family: family, op: UInt8(one.op.rawValue), outer: 1, axis: one.x.count, inner: inner, last: false, exclusive: false, reverse: false)
                    for y in run(rows, one.x.flatMap { [Float](repeating: $0, count: inner) }) {
                        let same = one.y.isNaN ? y.isNaN : y == one.y || abs(y - one.y) < 1e-6
                        #expect(same, "operator \(one.op.rawValue) of \(one.x) is \(y), family \(family)")
                    }
                }
            }
        }
        let masked = run(thimble_rows(family: thimble_processor(), op: UInt8(THIMBLE_ROWS_SOFTMAX.rawValue), outer: 1, axis: 3, inner: 1, last: false, exclusive: false, reverse: false), [1, -.infinity, 1])
        #expect(masked == [0.5, 0, 0.5])
    }

    @Test(arguments: [false, true], [false, true]) func cumulatedSumsGoEitherWay(exclusive: Bool, reverse: Bool) {
        for family in 0...thimble_processor() {
            for (axis, inner) in [(5, 1), (37, 70)] {
                let x = (0..<2 * axis * inner).map { Float($0 % 11) }
                let y = run(thimble_rows(
                    family: family, op: UInt8(THIMBLE_ROWS_CUMULATED_SUM.rawValue), outer: 2, axis: axis, inner: inner, last: false, exclusive: exclusive, reverse: reverse), x)
                for o in 0..<2 {
                    for i in 0..<inner {
                        var sum: Float = 0
                        for step in 0..<axis {
                            let at = (o * axis + (reverse ? axis - 1 - step : step)) * inner + i
                            if y[at] != (exclusive ? sum : sum + x[at]) { Issue.record("\(axis)×\(inner) at \(at), family \(family)") }
                            sum += x[at]
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [false, true]) func placesOfTheLargestAndTheLeastAreTheFirstOrTheLast(last: Bool) {
        var random = SeededRandom()
        for _ in 0..<60 {
            let axis = Self.sizes.randomElement(using: &random)!, inner = [1, 1, 5, 64, 70].randomElement(using: &random)!
            var x = (0..<2 * axis * inner).map { _ in Float(Int.random(in: 0..<5, using: &random)) }
            if Bool.random(using: &random) { x[Int.random(in: x.indices, using: &random)] = .nan }
            for (op, sign) in [(THIMBLE_ROWS_ARG_MAX, Float(1)), (THIMBLE_ROWS_ARG_MIN, -1)] {
                for family in 0...thimble_processor() {
                    var rows = thimble_rows(family: family, op: UInt8(op.rawValue), outer: 2, axis: axis, inner: inner, last: last, exclusive: false, reverse: false)
                    let from = Cells(x), to = Cells([Int64](repeating: -1, count: 2 * inner))
                    defer { keep(from, to) }
                    thimble_rows_run(&rows, from.start.baseAddress, to.raw, 0, thimble_rows_units(&rows))
                    for o in 0..<2 {
                        for i in 0..<inner {
                            let column = (0..<axis).map { x[(o * axis + $0) * inner + i] * sign }
                            let best = column.contains(where: \.isNaN) ? column.map { $0.isNaN } : column.map { $0 == column.max() }
                            let place = last ? best.lastIndex(of: true)! : best.firstIndex(of: true)!
                            #expect(to.elements[o * inner + i] == Int64(place), "\(axis)×\(inner), family \(family), seed \(random.seed)")
                        }
                    }
                }
            }
        }
    }

    @Test func layerNormalizationAgreesWithBinary64() {
        var random = SeededRandom()
        for columns in Self.sizes + [5000] {
            for rms in [false, true] {
                let rows = 3, count = rows * columns, offset = Float([0, 30].randomElement(using: &random)!)
                let x = (0..<count).map { _ in Float.random(in: -1...1, using: &random) + offset }, skip = (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
                let bias = (0..<columns).map { _ in Float.random(in: -1...1, using: &random) }, scale = (0..<columns).map { _ in Float.random(in: -1...1, using: &random) }
                for family in 0...thimble_processor() {
                    let y = Cells([Float](repeating: .nan, count: count)), sum = Cells(x), cells = [x, skip, bias, scale].map { Cells($0) }
                    defer { keep(y, sum, cells) }
                    var kernel = thimble_layer_norm(family: family, rows: rows, columns: columns, epsilon: 1e-5, root_mean_square: rms)
                    var operands = thimble_layer_norm_operands(
                        x: cells[0].start.baseAddress, skip: cells[1].start.baseAddress, bias: cells[2].start.baseAddress, scale: cells[3].start.baseAddress,
                        shift: cells[2].start.baseAddress, y: y.start.baseAddress, sum: sum.start.baseAddress, means: nil, inverses: nil)
                    thimble_layer_norm_run(&kernel, &operands, 0, thimble_layer_norm_units(&kernel))
                    let got = y.elements, sums = sum.elements
                    for r in 0..<rows {
                        let s = (0..<columns).map { (x[r * columns + $0] + skip[r * columns + $0]) + bias[$0] }
                        #expect(Array(sums[r * columns..<(r + 1) * columns]) == s)
                        let expected = normalized(s.map(Double.init), rms: rms)
                        for j in 0..<columns {
                            let exact = expected[j] * Double(scale[j]) + Double(bias[j])
                            #expect(abs(Double(got[r * columns + j]) - exact) < 3e-5, "\(columns) columns, family \(family), seed \(random.seed)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [false, true]) func groupNormalizationAgreesWithBinary64InBothLayouts(channelsLast: Bool) {
        var random = SeededRandom()
        for _ in 0..<40 {
            let groups = [1, 2, 3, 40].randomElement(using: &random)!, per = [1, 1, 2, 17, 40].randomElement(using: &random)!, spatial = [1, 9, 100, 700].randomElement(using: &random)!
            let channels = groups * per, batch = Int.random(in: 1...2, using: &random)
            if channels * spatial > 40000 { continue }
            // Numbers that are nearly equal, too: then what the mean is rounded by is multiplied by some hundreds.
            let range: ClosedRange<Float> = Bool.random(using: &random) ? -1...3 : 2.5...2.5000021
            let x = (0..<batch * channels * spatial).map { _ in Float.random(in: range, using: &random) }
            let scale = (0..<channels).map { _ in Float.random(in: -1...1, using: &random) }
            func place(_ n: Int, _ c: Int, _ s: Int) -> Int { channelsLast ? (n * spatial + s) * channels + c : (n * channels + c) * spatial + s }
            for family in 0...thimble_processor() {
                let y = Cells(x), factor = Cells(scale)
                var kernel = thimble_group_norm(
                    family: family, batch: batch, channels: channels, spatial: spatial, groups: groups, epsilon: 1e-5, channels_last: channelsLast)
                let scratch = Scratch(thimble_group_norm_scratch(&kernel)), units = thimble_group_norm_units(&kernel)
                defer { keep(y, factor, scratch) }
                for unit in (0..<units).reversed() {
                    thimble_group_norm_run(&kernel, y.start.baseAddress, factor.start.baseAddress, nil, y.start.baseAddress, unit, unit + 1, scratch.raw)
                }
                let got = y.elements
                var worst = 0.0
                for n in 0..<batch {
                    for g in 0..<groups {
                        let places = (0..<per).flatMap { c in (0..<spatial).map { (g * per + c, place(n, g * per + c, $0)) } }
                        for ((c, at), exact) in zip(places, normalized(places.map { Double(x[$0.1]) }, rms: false)) {
                            let error = abs(Double(got[at]) - exact * Double(scale[c]))
                            if !(error <= worst) { worst = error }
                        }
                    }
                }
                #expect(worst < 1e-5, "\(batch)×\(groups)×\(per)×\(spatial), family \(family), seed \(random.seed)")
            }
        }
    }

    /// All units, the second half before the first.
    private func run(_ rows: thimble_rows, _ x: [Float]) -> [Float] {
        var rows = rows
        let keepsShape = rows.op <= THIMBLE_ROWS_CUMULATED_SUM.rawValue, units = thimble_rows_units(&rows)
        let from = Cells(x), to = Cells([Float](repeating: -77, count: rows.outer * rows.inner * (keepsShape ? rows.axis : 1)))
        defer { keep(from, to) }
        thimble_rows_run(&rows, from.start.baseAddress, to.raw, units / 2, units)
        thimble_rows_run(&rows, from.start.baseAddress, to.raw, 0, units / 2)
        return to.elements
    }
}

private func softmax(_ x: [Double]) -> [Double] {
    let powers = x.map { exp($0) }, sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
}

private func cumulated(_ x: [Double]) -> [Double] {
    var sum = 0.0
    return x.map { sum += $0; return sum }
}

private func squares(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 } }

private func normalized(_ x: [Double], rms: Bool) -> [Double] {
    let mean = rms ? 0 : x.reduce(0, +) / Double(x.count)
    let inverse = 1 / (squares(x.map { $0 - mean }) / Double(x.count) + 1e-5).squareRoot()
    return x.map { ($0 - mean) * inverse }
}
