import CKernels
import Foundation
import TestSupport
import Testing

/// A pool and the oracle for it.
private struct PoolingCase: CustomTestStringConvertible {
    var pooling: thimble_pooling
    var inGap: Int, outGap: Int

    var testDescription: String {
        let p = pooling
        return "kind \(p.kind), \(p.in_height)×\(p.in_width)×\(p.channels), kernel \(p.kernel_height)×\(p.kernel_width), "
            + "strides \(p.stride_height), \(p.stride_width), dilations \(p.dilation_height), \(p.dilation_width), "
            + "pads \(p.pad_top), \(p.pad_left), \(p.pad_bottom), \(p.pad_right)"
    }

    static func random(kind: Int, _ random: inout SeededRandom) -> PoolingCase {
        func pick(_ values: [Int]) -> Int { values.randomElement(using: &random)! }
        var p = thimble_pooling()
        p.kind = UInt32(kind)
        p.images = pick([1, 2, 3])
        p.channels = pick([1, 2, 3, 4, 5, 8, 15, 16, 17, 24, 33, 64, 65, 130])
        p.in_height = pick([1, 5, 8, 13, 20])
        p.in_width = pick([3, 6, 9, 14])
        p.kernel_height = min(p.in_height, pick([1, 2, 3, 5, 13]))
        p.kernel_width = pick([1, 2, 3, 3, 5])
        p.dilation_height = (p.kernel_height - 1) * 2 < p.in_height ? pick([1, 1, 2]) : 1
        p.dilation_width = (p.kernel_width - 1) * 2 < p.in_width ? pick([1, 1, 2]) : 1
        if (p.kernel_width - 1) * p.dilation_width >= p.in_width { p.kernel_width = p.in_width }
        p.stride_height = pick([1, 1, 2, 3])
        p.stride_width = pick([1, 2, 3])
        p.pad_top = .random(in: 0..<p.kernel_height, using: &random)
        p.pad_left = .random(in: 0..<p.kernel_width, using: &random)
        p.pad_bottom = .random(in: 0..<p.kernel_height, using: &random)
        p.pad_right = .random(in: 0..<p.kernel_width, using: &random)
        p.count_include_pad = .random(using: &random)
        p.p = UInt32(pick([1, 2, 3]))
        p.out_height = (p.in_height + p.pad_top + p.pad_bottom - (p.kernel_height - 1) * p.dilation_height - 1) / p.stride_height + 1
        p.out_width = (p.in_width + p.pad_left + p.pad_right - (p.kernel_width - 1) * p.dilation_width - 1) / p.stride_width + 1
        // One more, as with ceil_mode, where its window begins inside.
        if p.out_width * p.stride_width < p.in_width + p.pad_left, Bool.random(using: &random) { p.out_width += 1 }
        let one = PoolingCase(pooling: p, inGap: pick([0, 0, 3]), outGap: pick([0, 0, 2]))
        return one.withSteps
    }

    private var withSteps: PoolingCase {
        var one = self
        let a = one.pooling.channels + inGap, b = one.pooling.channels + outGap
        one.pooling.in = thimble_image_steps(pixel: a, row: a * one.pooling.in_width, image: a * one.pooling.in_width * one.pooling.in_height)
        one.pooling.out = thimble_image_steps(pixel: b, row: b * one.pooling.out_width, image: b * one.pooling.out_width * one.pooling.out_height)
        return one
    }

    var inputCount: Int { pooling.images * pooling.in.image - inGap }
    var outputCount: Int { pooling.images * pooling.out.image - outGap }

    /// The value of a window in binary64.
    func expected(_ input: (Int) -> Double, image: Int, y: Int, x: Int, channel: Int) -> Double {
        let p = pooling
        var values: [Double] = [], padded = 0
        for i in 0..<p.kernel_height {
            for j in 0..<p.kernel_width {
                let row = y * p.stride_height + i * p.dilation_height - p.pad_top, column = x * p.stride_width + j * p.dilation_width - p.pad_left
                if row < p.in_height + p.pad_bottom, column < p.in_width + p.pad_right { padded += 1 }
                guard (0..<p.in_height).contains(row), (0..<p.in_width).contains(column) else { continue }
                values.append(input(image * p.in.image + row * p.in.row + column * p.in.pixel + channel))
            }
        }
        if values.isEmpty { return 0 }
        switch Int(p.kind) {
        case Int(THIMBLE_POOLING_AVERAGE): return values.reduce(0, +) / Double(p.count_include_pad ? padded : values.count)
        case Int(THIMBLE_POOLING_LP): return pow(values.reduce(0) { $0 + pow(abs($1), Double(p.p)) }, 1 / Double(p.p))
        default: return values.contains { $0.isNaN } ? .nan : values.max()!
        }
    }

    /// Calls `body` with each place of the output and its value, nil where it must stay as it was.
    func forEachOutput(_ input: (Int) -> Double, _ body: (Int, Double?) -> Void) {
        let p = pooling
        for at in 0..<outputCount {
            let image = at / p.out.image, y = at % p.out.image / p.out.row, x = at % p.out.row / p.out.pixel, channel = at % p.out.pixel
            body(at, channel < p.channels ? expected(input, image: image, y: y, x: x, channel: channel) : nil)
        }
    }

    func run<Value>(family: UInt32, _ input: ExactMemory<Value>, _ output: ExactMemory<Value>, _ random: inout SeededRandom) {
        var p = pooling
        p.family = family
        thimble_pooling_prepare(&p)
        let scratch = ExactMemory(thimble_pooling_scratch(&p), UInt8(0))
        inPieces(thimble_pooling_units(&p), &random) { thimble_pooling_run(&p, input.base, output.base, $0, $1, scratch.base) }
    }
}

@Suite struct PoolingTests {
    private static let seed: UInt64 = 47

    @Test(arguments: [THIMBLE_POOLING_MAX, THIMBLE_POOLING_AVERAGE, THIMBLE_POOLING_LP].map { Int($0) }) func agreesWithBinary64(kind: Int) {
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<60 {
            let one = PoolingCase.random(kind: kind, &random)
            let input = ExactMemory<Float>.random(one.inputCount, in: -5...5, &random)
            // NaN and infinity must come through, whatever is beside them.
            if Bool.random(using: &random) {
                for _ in 0..<3 { input.base[.random(in: 0..<input.count, using: &random)] = .nan }
                input.base[.random(in: 0..<input.count, using: &random)] = -.infinity
            }
            for family in 0...thimble_processor() {
                let output = ExactMemory(one.outputCount, Float(77))
                one.run(family: family, input, output, &random)
                var wrong = 0
                one.forEachOutput({ Double(input[$0]) }) { at, expected in
                    let found = Double(output[at]), wanted = expected ?? 77
                    let same = found == wanted || found.isNaN && wanted.isNaN || abs(found - wanted) <= 3e-6 * max(1, abs(wanted))
                    wrong += same ? 0 : 1
                }
                #expect(wrong == 0, "\(one.testDescription), family \(family), seed \(Self.seed)")
            }
        }
    }

    @Test func takesTheLargestOfBytes() {
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<60 {
            let signed = Bool.random(using: &random)
            let one = PoolingCase.random(kind: Int(signed ? THIMBLE_POOLING_MAX_S8 : THIMBLE_POOLING_MAX_U8), &random)
            let input = ExactMemory(random.bytes(one.inputCount))
            for family in 0...thimble_processor() {
                let output = ExactMemory(one.outputCount, UInt8(77))
                one.run(family: family, input, output, &random)
                var wrong = 0
                one.forEachOutput({ signed ? Double(Int8(bitPattern: input[$0])) : Double(input[$0]) }) { at, expected in
                    let found = signed ? Double(Int8(bitPattern: output[at])) : Double(output[at])
                    wrong += found == expected ?? 77 ? 0 : 1
                }
                #expect(wrong == 0, "\(one.testDescription), family \(family), seed \(Self.seed)")
            }
        }
    }
}

@Suite struct ResizeTests {
    private static let seed: UInt64 = 53

    @Test(arguments: [1, 2, 4, 70], [1, 3, 4, 16, 33]) func weighsTaps(taps: Int, channels: Int) {
        var random = SeededRandom(seed: Self.seed)
        let (images, height, width, outHeight, outWidth) = (2, 7, 6, 15, 9)
        for gap in [0, 3] {
            let input = ExactMemory<Float>.random(images * height * width * channels, &random)
            // Rows in order, as in a model, and columns in any.
            let rows = (0..<outHeight).flatMap { y in (0..<taps).map { Int32(min(height - 1, y * height / outHeight + $0)) } }
            let columns = (0..<outWidth * taps).map { _ in Int32.random(in: 0..<Int32(width), using: &random) }
            let rowWeights = ExactMemory<Float>.random(rows.count, &random), columnWeights = ExactMemory<Float>.random(columns.count, &random)
            let r = ExactMemory(rows), c = ExactMemory(columns)
            let pixel = channels + gap
            for family in 0...thimble_processor() {
                var resize = thimble_resize(
                    family: family, images: images, channels: channels, out_height: outHeight, out_width: outWidth,
                    in: thimble_image_steps(pixel: channels, row: width * channels, image: height * width * channels),
                    out: thimble_image_steps(pixel: pixel, row: outWidth * pixel, image: outHeight * outWidth * pixel),
                    rows: thimble_taps(taps: taps, indices: r.base, weights: rowWeights.base),
                    columns: thimble_taps(taps: taps, indices: c.base, weights: columnWeights.base))
                let output = ExactMemory(images * outHeight * outWidth * pixel - gap, Float(77))
                let scratch = ExactMemory(thimble_resize_scratch(&resize), UInt8(0))
                inPieces(thimble_resize_units(&resize), &random) { thimble_resize_run(&resize, input.base, output.base, $0, $1, scratch.base) }
                var largest = 0.0
                for at in 0..<output.count {
                    let channel = at % pixel, x = at / pixel % outWidth, row = at / pixel / outWidth, y = row % outHeight, image = row / outHeight
                    if channel >= channels {
                        #expect(output[at] == 77)
                        continue
                    }
                    var sum = 0.0
                    for i in 0..<taps {
                        for j in 0..<taps {
                            let from = ((image * height + Int(rows[y * taps + i])) * width + Int(columns[x * taps + j])) * channels + channel
                            sum += Double(rowWeights[y * taps + i]) * Double(columnWeights[x * taps + j]) * Double(input[from])
                        }
                    }
                    largest = max(largest, abs(sum - Double(output[at])))
                }
                #expect(largest < 2e-7 * Double(taps * taps + 4), "family \(family)")
            }
        }
    }

    @Test(arguments: [1, 3, 4, 64, 100, 128]) func takesTheNearestPixel(cell: Int) {
        var random = SeededRandom(seed: Self.seed)
        let (height, width, outHeight, outWidth) = (5, 7, 40, 33)
        for gap in [0, 5] {
            let input = ExactMemory(random.bytes(2 * height * width * cell))
            let rows = (0..<outHeight).map { Int32($0 * height / outHeight) }, columns = (0..<outWidth).map { Int32($0 * width / outWidth) }
            let r = ExactMemory(rows), c = ExactMemory(columns), pixel = cell + gap
            var nearest = thimble_nearest(
                images: 2, cell: cell, out_height: outHeight, out_width: outWidth,
                in: thimble_image_steps(pixel: cell, row: width * cell, image: height * width * cell),
                out: thimble_image_steps(pixel: pixel, row: outWidth * pixel, image: outHeight * outWidth * pixel), rows: r.base, columns: c.base)
            let output = ExactMemory(2 * outHeight * outWidth * pixel - gap, UInt8(77))
            inPieces(thimble_nearest_units(&nearest), &random) { thimble_nearest_run(&nearest, input.base, output.base, $0, $1) }
            let expected = (0..<output.count).map { at -> UInt8 in
                let byte = at % pixel, x = at / pixel % outWidth, row = at / pixel / outWidth, y = row % outHeight, image = row / outHeight
                return byte >= cell ? 77 : input[((image * height + Int(rows[y])) * width + Int(columns[x])) * cell + byte]
            }
            #expect(output.values == expected)
        }
    }
}
