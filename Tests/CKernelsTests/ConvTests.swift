import CKernels
import TestSupport
import Testing

/// One dimension of a case: what it is given, and the size of the result that follows.
private struct Axis {
    var size: Int, kernel: Int, stride = 1, dilation = 1, padBefore = 0, padAfter = 0, outputPad = 0

    func out(transposed: Bool) -> Int {
        let reach = (kernel - 1) * dilation + 1
        return transposed ? (size - 1) * stride + reach + outputPad - padBefore - padAfter : (size + padBefore + padAfter - reach) / stride + 1
    }

    func isPossible(transposed: Bool) -> Bool {
        (transposed || size + padBefore + padAfter >= (kernel - 1) * dilation + 1) && out(transposed: transposed) > 0
    }

    /// The input element that output `o` reads with kernel element `k`.
    func read(_ o: Int, _ k: Int, transposed: Bool) -> Int? {
        var at = transposed ? o + padBefore - k * dilation : o * stride + k * dilation - padBefore
        if transposed {
            guard at >= 0, at % stride == 0 else { return nil }
            at /= stride
        }
        return at >= 0 && at < size ? at : nil
    }

    func c(transposed: Bool) -> thimble_conv_axis {
        thimble_conv_axis(in: size, out: out(transposed: transposed), kernel: kernel, stride: stride, pad: padBefore, dilation: dilation)
    }
}

private struct ConvCase: CustomTestStringConvertible {
    var batch = 1, inChannels = 1, outChannels = 1, groups = 1
    var height: Axis, width: Axis
    var planar = false, transposed = false, exact = false
    var inGap = 0, outGap = 0
    var bias = true, residual = false, low = -Float.infinity, high = Float.infinity

    var outHeight: Int { height.out(transposed: transposed) }
    var outWidth: Int { width.out(transposed: transposed) }
    var pixels: Int { batch * outHeight * outWidth }

    var testDescription: String {
        "\(batch)×\(inChannels)->\(outChannels)/\(groups) \(height) \(width)\(planar ? " planar" : "")\(transposed ? " transposed" : "") gaps \(inGap) \(outGap)"
    }

    static let channels = [1, 3, 8, 9, 16, 17, 24, 58]

    static func random(_ kind: Int, _ random: inout SeededRandom) -> ConvCase {
        func one(_ of: [Int]) -> Int { of.randomElement(using: &random)! }
        func axis(_ sizes: [Int], _ kernels: [Int], _ strides: [Int], _ dilations: [Int]) -> Axis {
            Axis(size: one(sizes), kernel: one(kernels), stride: one(strides), dilation: one(dilations), padBefore: one([0, 1, 2]), padAfter: one([0, 1, 2]))
        }
        var c: ConvCase
        repeat {
            c = ConvCase(
                height: axis([1, 2, 5, 9, 13], [1, 2, 3, 5], [1, 2, 3], [1, 1, 2]), width: axis([1, 3, 7, 16, 21], [1, 2, 3, 5], [1, 2, 3], [1, 1, 3]))
            (c.inChannels, c.outChannels) = (one(channels), one(channels))
            switch kind {
            case 1:  // Depthwise, with and without a multiplier.
                c.groups = one(channels + [116])
                c.inChannels = c.groups
                c.outChannels = c.groups * one([1, 1, 1, 2, 3])
                c.width = axis([1, 4, 9, 14, 23], [1, 3, 3, 5, 7], [1, 2, 3], [1, 1, 1, 2])
            case 2:  // Grouped.
                c.groups = one([2, 3, 8])
                c.inChannels = c.groups * one([1, 2, 4, 17])
                c.outChannels = c.groups * one([1, 2, 4, 16, 33])
            case 3:
                c.transposed = true
                c.groups = one([1, 1, 2])
                (c.inChannels, c.outChannels) = (c.groups * one([1, 3, 8, 17]), c.groups * one([1, 3, 9, 20]))
                c.height.outputPad = one(Array(0..<c.height.stride))
                c.width.outputPad = one(Array(0..<c.width.stride))
            case 4:  // One dimension, in either direction.
                c.height = Axis(size: 1, kernel: 1)
                c.width.size = one([1, 17, 120])
                if Bool.random(using: &random) { swap(&c.height, &c.width) }
            case 5:  // Where Winograd may be.
                (c.inChannels, c.outChannels) = (one([8, 16, 17, 33]), one([8, 16, 24, 40]))
                c.height = axis([8, 9, 14], [3], [1], [1])
                c.width = axis([8, 11, 21], [3], [1], [1])
            case 7:  // Where Winograd may be in lines, along the only axis or one of two.
                (c.inChannels, c.outChannels) = (one([16, 17, 33]), one([16, 24, 40]))
                c.height = Axis(size: one([1, 1, 9]), kernel: 1)
                c.width = axis([32, 41, 90], [3, 5], [1], [1])
                if Bool.random(using: &random) { swap(&c.height, &c.width) }
            case 6:  // A product of matrices.
                (c.height, c.width) = (Axis(size: one([1, 7]), kernel: 1), Axis(size: one([1, 9]), kernel: 1))
            default: break
            }
            c.batch = one([1, 1, 2])
            c.planar = one([0, 0, 0, 1]) == 1
            c.exact = Bool.random(using: &random)
            (c.inGap, c.outGap) = (one([0, 0, 5]), one([0, 0, 3]))
            (c.bias, c.residual) = (Bool.random(using: &random), Bool.random(using: &random))
            if Bool.random(using: &random) { (c.low, c.high) = (0, 6) }
        } while !(c.height.isPossible(transposed: c.transposed) && c.width.isPossible(transposed: c.transposed))
        return c
    }

    /// Element (image, channel, row, column) of the input.
    func inIndex(_ n: Int, _ channel: Int, _ y: Int, _ x: Int) -> Int {
        planar
            ? ((n * inChannels + channel) * height.size + y) * width.size + x
            : ((n * height.size + y) * width.size + x) * (inChannels + inGap) + channel
    }

    var inCount: Int { inIndex(batch - 1, inChannels - 1, height.size - 1, width.size - 1) + 1 }
    var weightCount: Int { inChannels * outChannels / groups * height.kernel * width.kernel }

    /// Results by the definition, [pixel][channel], and the largest before the clamp.
    func oracle(_ input: Floats, _ weights: Floats, _ bias: Floats?, _ residual: Floats?, factors: Floats? = nil) -> (results: [Double], largest: Double) {
        let (inGroup, outGroup, area) = (inChannels / groups, outChannels / groups, height.kernel * width.kernel)
        var results = [Double](repeating: 0, count: pixels * outChannels), largest = 1.0
        for n in 0..<batch {
            for y in 0..<outHeight {
                for x in 0..<outWidth {
                    let pixel = (n * outHeight + y) * outWidth + x
                    for o in 0..<outChannels { results[pixel * outChannels + o] = Double(bias?[o] ?? 0) }
                    for ky in 0..<height.kernel {
                        guard let row = height.read(y, ky, transposed: transposed) else { continue }
                        for kx in 0..<width.kernel {
                            guard let column = width.read(x, kx, transposed: transposed) else { continue }
                            for o in 0..<outChannels {
                                let group = o / outGroup
                                var sum = 0.0
                                for i in 0..<inGroup {
                                    let pair = transposed ? (group * inGroup + i) * outGroup + o % outGroup : o * inGroup + i
                                    sum += Double(input[inIndex(n, group * inGroup + i, row, column)]) * Double(weights[pair * area + ky * width.kernel + kx] * (factors?[o] ?? 1))
                                }
                                results[pixel * outChannels + o] += sum
                            }
                        }
                    }
                    for o in 0..<outChannels {
                        let at = pixel * outChannels + o, value = results[at] + Double(residual?[at] ?? 0)
                        largest = max(largest, abs(value))
                        results[at] = min(max(value, Double(low)), Double(high))
                    }
                }
            }
        }
        return (results, largest)
    }

    func prepared(family: UInt32, blocks: Blocks? = nil) -> thimble_conv {
        var k = thimble_conv()
        k.family = family
        (k.exact, k.planar, k.transposed) = (exact, planar, transposed)
        (k.batch, k.in_c, k.out_c, k.groups) = (batch, inChannels, outChannels, groups)
        (k.height, k.width) = (height.c(transposed: transposed), width.c(transposed: transposed))
        (k.in_pixel_stride, k.out_pixel_stride, k.residual_pixel_stride) = (inChannels + inGap, outChannels + outGap, outChannels)
        (k.low, k.high) = (low, high)
        if let blocks {
            k.epilogue = Blocks.epilogue
            k.context = UnsafeRawPointer(Unmanaged.passUnretained(blocks).toOpaque())
        }
        thimble_conv_prepare(&k)
        return k
    }
}

@Suite struct ConvTests {
    private static let seed: UInt64 = 20_250_203

    @Test(arguments: 0...7) func agreesWithSumsInBinary64OnEveryFamilyOfProcessors(kind: Int) {
        var random = SeededRandom(seed: Self.seed + UInt64(kind))
        var paths: Set<Int> = []
        for _ in 0..<40 {
            let one = ConvCase.random(kind, &random)
            // What lies between the pixels must not be read.
            let input = Floats(one.inCount) { _ in .nan }, weights = Floats.random(one.weightCount, &random)
            for n in 0..<one.batch {
                for channel in 0..<one.inChannels {
                    for y in 0..<one.height.size {
                        for x in 0..<one.width.size { input[one.inIndex(n, channel, y, x)] = .random(in: -1...1, using: &random) }
                    }
                }
            }
            let bias = one.bias ? Floats.random(one.outChannels, &random) : nil
            let residual = one.residual ? Floats.random(one.pixels * one.outChannels, &random) : nil
            let factors = Bool.random(using: &random) ? Floats.random(one.outChannels, &random) : nil
            let expected = one.oracle(input, weights, bias, residual, factors: factors)
            // As they may lie in a file.
            let file = UnsafeMutableRawPointer.allocate(byteCount: 4 * one.weightCount + 1, alignment: 4)
            defer { file.deallocate() }
            (file + 1).copyMemory(from: weights.at, byteCount: 4 * one.weightCount)
            for family in 0...thimble_processor() {
                let blocks = Blocks()
                var k = one.prepared(family: family, blocks: blocks)
                paths.insert(Int(k.path))
                let packed = Floats(thimble_conv_pack_size(&k) / 4), scratch = Floats(thimble_conv_scratch(&k) / 4) { _ in .nan }
                thimble_conv_pack(&k, file + 1, factors?.at, packed.at)
                let stride = one.outChannels + one.outGap, out = Floats((one.pixels - 1) * stride + one.outChannels) { _ in 7 }
                let units = thimble_conv_units(&k), cut = Int.random(in: 0...units, using: &random)
                for range in [(cut, units), (0, cut)] {
                    thimble_conv_run(&k, input.at, packed.at, bias?.at, residual?.at, out.at, range.0, range.1, scratch.at)
                }
                var worst = 0.0
                for pixel in 0..<one.pixels {
                    for o in 0..<one.outChannels {
                        let difference = abs(Double(out[pixel * stride + o]) - 2 * expected.results[pixel * one.outChannels + o])
                        worst = difference.isNaN ? .infinity : max(worst, difference)
                    }
                    if pixel + 1 < one.pixels {
                        for o in one.outChannels..<stride where out[pixel * stride + o] != 7 { worst = .infinity }
                    }
                }
                #expect(worst <= 1e-5 * expected.largest, "\(one.testDescription), family \(family), way \(k.path), seed \(Self.seed)")
                #expect(
                    blocks.cover(rows: one.pixels, columns: one.outChannels), "\(one.testDescription), family \(family), way \(k.path), seed \(Self.seed)")
            }
        }
        // The cases are of no use if they are all computed in another way.
        let needed: Set<Int> = switch kind {
        case 1: [THIMBLE_CONV_DEPTHWISE, THIMBLE_CONV_CHANNELWISE]
        case 5: [THIMBLE_CONV_WINOGRAD_4, THIMBLE_CONV_DIRECT]
        case 6: [THIMBLE_CONV_FLAT]
        case 7: [THIMBLE_CONV_WINOGRAD_LINE_4, THIMBLE_CONV_WINOGRAD_LINE_2, THIMBLE_CONV_DIRECT]
        default: [THIMBLE_CONV_DIRECT]
        }
        #expect(needed.isSubset(of: paths))
    }

    /// Pieces of exact memory, from the last to the first.
    @Test(arguments: 0...7) func packsTheSameInPieces(kind: Int) {
        var random = SeededRandom(seed: Self.seed + UInt64(kind)), mostPieces = 0
        for _ in 0..<40 {
            let one = ConvCase.random(kind, &random)
            let weights = Floats.random(one.weightCount, &random), factors = Bool.random(using: &random) ? Floats.random(one.outChannels, &random) : nil
            for family in 0...thimble_processor() {
                var k = one.prepared(family: family)
                let size = thimble_conv_pack_size(&k) / 4, whole = Floats(size) { _ in 7 }, parts = Floats(size) { _ in 7 }
                thimble_conv_pack(&k, weights.at, factors?.at, whole.at)
                let pieces = pieces(of: one.weightCount, unit: thimble_conv_pack_unit(&k), &random)
                mostPieces = max(mostPieces, pieces.count)
                for range in pieces.reversed() {
                    let piece = Floats(range.count) { weights[range.lowerBound + $0] }
                    thimble_conv_pack_part(&k, piece.at, range.lowerBound, range.upperBound, factors?.at, parts.at)
                }
                #expect((0..<size).allSatisfy { whole[$0].bitPattern == parts[$0].bitPattern }, "\(one.testDescription), family \(family), way \(k.path)")
            }
        }
        if [0, 5, 6, 7].contains(kind) { #expect(mostPieces > 1) }
    }

    @Test func isTheSameHoweverUnitsAreShared() {
        var random = SeededRandom(seed: Self.seed)
        for kind in [0, 1, 3, 5] {
            for _ in 0..<10 {
                let one = ConvCase.random(kind, &random)
                let input = Floats.random(one.inCount, &random), weights = Floats.random(one.weightCount, &random)
                var k = one.prepared(family: thimble_processor())
                let packed = Floats(thimble_conv_pack_size(&k) / 4), scratch = Floats(thimble_conv_scratch(&k) / 4)
                thimble_conv_pack(&k, weights.at, nil, packed.at)
                let count = one.pixels * (one.outChannels + one.outGap) - one.outGap, units = thimble_conv_units(&k)
                let whole = Floats(count), parts = Floats(count)
                thimble_conv_run(&k, input.at, packed.at, nil, nil, whole.at, 0, units, scratch.at)
                for unit in (0..<units).reversed() { thimble_conv_run(&k, input.at, packed.at, nil, nil, parts.at, unit, unit + 1, scratch.at) }
                #expect((0..<count).allSatisfy { whole[$0].bitPattern == parts[$0].bitPattern || (whole[$0].isNaN && parts[$0].isNaN) }, "\(one.testDescription)")
            }
        }
    }

    @Test func addsToItsOwnResult() {
        var random = SeededRandom(seed: Self.seed)
        for (channels, groups) in [(24, 1), (24, 24), (17, 17)] {
            var one = ConvCase(height: Axis(size: 9, kernel: 3, padBefore: 1, padAfter: 1), width: Axis(size: 11, kernel: 3, padBefore: 1, padAfter: 1))
            (one.inChannels, one.outChannels, one.groups) = (channels, channels, groups)
            let input = Floats.random(one.inCount, &random), weights = Floats.random(one.weightCount, &random)
            let residual = Floats.random(one.pixels * channels, &random), expected = one.oracle(input, weights, nil, residual)
            for family in 0...thimble_processor() {
                var k = one.prepared(family: family)
                let packed = Floats(thimble_conv_pack_size(&k) / 4), scratch = Floats(thimble_conv_scratch(&k) / 4)
                thimble_conv_pack(&k, weights.at, nil, packed.at)
                let out = Floats(residual.count) { residual[$0] }
                thimble_conv_run(&k, input.at, packed.at, nil, out.at, out.at, 0, thimble_conv_units(&k), scratch.at)
                #expect((0..<out.count).allSatisfy { abs(Double(out[$0]) - expected.results[$0]) <= 1e-5 * expected.largest })
            }
        }
    }
}
