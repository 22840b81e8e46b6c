import CKernels
import TestSupport
import Testing

/// One convolution, its operands, and what becomes of them by integer arithmetic.
private struct Int8Case: CustomTestStringConvertible {
    var batch = 1, groups = 1, inChannels = 1, outChannels = 1, height = 1, width = 1
    var kernel = (1, 1), stride = (1, 1), dilation = (1, 1), pads = (0, 0, 0, 0)
    var inPixel = 1, outPixel = 1, planes = false
    var inSigned = false, weightSigned = true, outSigned = false
    var inZero = 0, zeros: [Int32]?, bias: [Int32]?, scale: [Float]?, floatBias: [Float]?
    var output = THIMBLE_INT8_BYTES, outZero = 0, outRange = 0...255, clamp: (Float, Float) = (-.infinity, .infinity)
    var input: [Int] = [], weights: [Int] = []

    var outHeight: Int { (height + pads.0 + pads.2 - (kernel.0 - 1) * dilation.0 - 1) / stride.0 + 1 }
    var outWidth: Int { (width + pads.1 + pads.3 - (kernel.1 - 1) * dilation.1 - 1) / stride.1 + 1 }

    var testDescription: String {
        "\(batch)×\(height)×\(width)×\(inChannels) to \(outChannels), groups \(groups), kernel \(kernel), stride \(stride), dilation \(dilation), pads \(pads), "
            + "pixels \(inPixel) \(outPixel), planes \(planes), signs \(inSigned) \(weightSigned) \(outSigned), output \(output.rawValue), zeros \(zeros?.count ?? 0)"
    }

    static func random(_ random: inout SeededRandom) -> Int8Case {
        func one(_ values: [Int]) -> Int { values.randomElement(using: &random)! }
        var it = Int8Case()
        let kind = one([0, 1, 1, 2, 3, 3])
        (it.batch, it.height, it.width) = (one([1, 1, 2]), one([1, 2, 5, 9]), one([1, 4, 7, 8, 9, 17]))
        (it.inChannels, it.outChannels) = (one([1, 2, 3, 4, 5, 7, 8, 16, 30, 66]), one([1, 3, 8, 16, 17, 31, 33, 48, 63, 65, 80]))
        if kind > 0 {
            it.kernel = (one([1, 2, 3, 5]), one([1, 3, 4, 5]))
            it.stride = (one([1, 1, 2, 3]), one([1, 1, 2, 3]))
            it.dilation = (one([1, 1, 2]), one([1, 1, 2]))
            it.pads = (one([0, 1, 2]), one([0, 1, 2]), one([0, 1]), one([0, 1]))
        } else if one([0, 1]) == 1 {
            (it.batch, it.height, it.width) = (1, 1, one([1, 2, 13, 40]))
        }
        if kind == 1 {
            (it.groups, it.outChannels) = (it.inChannels, it.inChannels)
            if one([0, 1]) == 1 { it.kernel = (it.kernel.1, it.kernel.1) }
        } else if kind == 2 {
            it.groups = one([2, 3])
            (it.inChannels, it.outChannels) = (it.groups * one([1, 2, 3, 5, 8]), it.groups * one([1, 2, 9, 17]))
        }
        it.height = max(it.height, (it.kernel.0 - 1) * it.dilation.0 + 1)
        it.width = max(it.width, (it.kernel.1 - 1) * it.dilation.1 + 1)
        it.inPixel = it.inChannels + one([0, 0, 3, 64])
        it.outPixel = it.outChannels + one([0, 0, 1, 64])
        it.planes = kind == 3 && one([0, 1]) == 1
        (it.inSigned, it.weightSigned, it.outSigned) = (one([0, 1]) == 1, one([0, 1, 1]) == 1, one([0, 1]) == 1)
        let inRange = it.inSigned ? -128...127 : 0...255, weightRange = it.weightSigned ? -128...127 : 0...255
        it.inZero = Int.random(in: inRange, using: &random)
        // Small weights may be multiplied in 16 bits, large ones not; the largest of all overflow them most.
        let choice = one([0, 1, 2])
        it.input = (0..<it.batch * it.height * it.width * it.inChannels).map { _ in
            choice == 2 ? inRange.upperBound : Int.random(in: inRange, using: &random)
        }
        it.weights = (0..<it.outChannels * it.inChannels / it.groups * it.kernel.0 * it.kernel.1).map { _ in
            choice == 0 ? Int.random(in: 0...40, using: &random)
                : choice == 1 ? Int.random(in: weightRange, using: &random) : [weightRange.lowerBound, weightRange.upperBound].randomElement(using: &random)!
        }
        switch one([0, 1, 2]) {
        case 0: it.zeros = it.weightSigned ? nil : [128]
        case 1: it.zeros = [Int32(Int.random(in: weightRange, using: &random))]
        default: it.zeros = (0..<it.outChannels).map { _ in Int32(Int.random(in: weightRange, using: &random)) }
        }
        if one([0, 1]) == 1 {
            let size: Int32 = one([0, 1]) == 1 ? 1 << 18 : .max
            it.bias = (0..<it.outChannels).map { _ in Int32.random(in: -size...size, using: &random) }
        }
        it.output = [THIMBLE_INT8_BYTES, THIMBLE_INT8_BYTES, THIMBLE_INT8_SUMS, THIMBLE_INT8_FLOATS].randomElement(using: &random)!
        let depth = Float(it.inChannels / it.groups * it.kernel.0 * it.kernel.1) * 5000
        it.scale = (0..<(one([0, 1]) == 1 ? 1 : it.outChannels)).map { _ in Float.random(in: 0.1...100, using: &random) / depth }
        if one([0, 1]) == 1 { it.floatBias = (0..<it.outChannels).map { _ in Float.random(in: -1...1, using: &random) } }
        let whole = it.outSigned ? -128...127 : 0...255
        it.outZero = Int.random(in: whole, using: &random)
        it.outRange = one([0, 1]) == 1 ? whole : it.outZero...min(it.outZero + 60, whole.upperBound)
        if one([0, 1]) == 1 { it.clamp = (0, 6) }
        return it
    }

    /// The exact sums modulo 2^32, [batch, outHeight, outWidth, outChannels].
    func sums(inZero: Int) -> [Int32] {
        let (groupIn, groupOut) = (inChannels / groups, outChannels / groups)
        var all: [Int32] = []
        all.reserveCapacity(batch * outHeight * outWidth * outChannels)
        for n in 0..<batch { for y in 0..<outHeight { for x in 0..<outWidth { for o in 0..<outChannels {
            var sum = Int(bias?[o] ?? 0)
            let zero = zeros.map { Int($0[$0.count > 1 ? o : 0]) } ?? 0
            for ky in 0..<kernel.0 { for kx in 0..<kernel.1 {
                let (iy, ix) = (y * stride.0 + ky * dilation.0 - pads.0, x * stride.1 + kx * dilation.1 - pads.1)
                guard iy >= 0, iy < height, ix >= 0, ix < width else { continue }
                for c in 0..<groupIn {
                    let value = input[((n * height + iy) * width + ix) * inChannels + o / groupOut * groupIn + c]
                    sum += (value - inZero) * (weights[((o * groupIn + c) * kernel.0 + ky) * kernel.1 + kx] - zero)
                }
            } }
            all.append(Int32(truncatingIfNeeded: sum))
        } } } }
        return all
    }

    /// What the kernel should write for a sum: bytes as integers, floats as their bits.
    func finished(_ sum: Int32, _ channel: Int, inScale: Float?) -> Int {
        var factor = scale.map { $0[$0.count > 1 ? channel : 0] } ?? 1
        if let inScale { factor = inScale * factor }
        let scaled = Float(sum) * factor
        switch output {
        case THIMBLE_INT8_SUMS: return Int(sum)
        case THIMBLE_INT8_FLOATS: return Int(min(max(scaled + (floatBias?[channel] ?? 0), clamp.0), clamp.1).bitPattern)
        default: return min(max(Int(min(max(scaled.rounded(.toNearestOrEven), -1e6), 1e6)) + outZero, outRange.lowerBound), outRange.upperBound)
        }
    }

    var kernelStruct: thimble_int8_conv {
        var k = thimble_int8_conv()
        (k.batch, k.groups, k.in_channels, k.out_channels) = (batch, groups, inChannels, outChannels)
        (k.height, k.width, k.out_height, k.out_width) = (height, width, outHeight, outWidth)
        (k.kernel_height, k.kernel_width, k.stride_y, k.stride_x, k.dilation_y, k.dilation_x) = (kernel.0, kernel.1, stride.0, stride.1, dilation.0, dilation.1)
        (k.pad_top, k.pad_left, k.in_pixel, k.out_pixel, k.in_planes) = (pads.0, pads.1, inPixel, outPixel, planes)
        (k.in_signed, k.weight_signed, k.out_signed, k.in_zero) = (inSigned, weightSigned, outSigned, Int32(inZero))
        (k.weight_out, k.weight_in) = (inChannels / groups * kernel.0 * kernel.1, kernel.0 * kernel.1)
        (k.weight_y, k.weight_x) = (kernel.1, 1)
        (k.output, k.out_zero, k.out_low, k.out_high) = (output, Int32(outZero), Int32(outRange.lowerBound), Int32(outRange.upperBound))
        (k.clamp_low, k.clamp_high) = clamp
        return k
    }

    /// The input as it lies in memory: no byte after the last channel of the last pixel.
    var inputBytes: Memory<UInt8> {
        let pixels = batch * height * width, area = height * width
        if planes {
            return Memory(pixels * inChannels) {
                let (image, rest) = ($0 / (area * inChannels), $0 % (area * inChannels))
                return UInt8(truncatingIfNeeded: input[(image * area + rest % area) * inChannels + rest / area])
            }
        }
        return Memory((pixels - 1) * inPixel + inChannels) {
            $0 % inPixel < inChannels ? UInt8(truncatingIfNeeded: input[$0 / inPixel * inChannels + $0 % inPixel]) : 77
        }
    }
}

@Suite struct Int8Tests {
    private static let seed: UInt64 = 20_250_402

    @Test func convolutionsAreExactOnEveryFamilyOfProcessors() {
        var random = SeededRandom(seed: Self.seed)
        for number in 0..<120 {
            let one = Int8Case.random(&random)
            let now = number % 4 == 0 && one.output != THIMBLE_INT8_SUMS ? thimble_int8_now(in_zero: Int32(one.inZero / 2), in_scale: 0.37) : nil
            let sums = one.sums(inZero: now.map { Int($0.in_zero) } ?? one.inZero)
            let expected = sums.enumerated().map { one.finished($1, $0 % one.outChannels, inScale: now?.in_scale) }
            for family in 0...thimble_processor() {
                let found = run(one, family, now, cut: Int.random(in: 0...8, using: &random))
                #expect(found == expected, "\(number): \(one.testDescription), family \(family), seed \(Self.seed)")
            }
        }
    }

    /// Widths of less than a block of columns, of several panels, and so many that few rows are copied at once, or none.
    @Test(arguments: [(5, 37, 21), (3, 130, 70), (2, 1001, 131), (1, 3000, 30), (1, 9000, 9)], [true, false])
    func takesTheRightMatrixOfAProductAsItLies(size: (m: Int, n: Int, k: Int), isSigned: Bool) {
        var random = SeededRandom(seed: Self.seed)
        let (m, n, k) = size
        let a = Memory(m * k) { _ in UInt8.random(in: 0...255, using: &random) }, b = Memory(k * n) { _ in UInt8.random(in: 0...255, using: &random) }
        let values = (0..<k * n).map { isSigned ? Int(Int8(bitPattern: b[$0])) : Int(b[$0]) }
        let expected = (0..<m * n).map { place in
            (0..<k).reduce(0) { $0 + (Int(a[place / n * k + $1]) - 7) * values[$1 * n + place % n] }
        }
        for family in 0...thimble_processor() {
            var product = thimble_int8_conv()
            product.family = family
            (product.batch, product.groups, product.in_channels, product.out_channels, product.in_pixel, product.out_pixel) = (1, 1, k, n, k, n)
            (product.height, product.width, product.out_height, product.out_width) = (1, m, 1, m)
            (product.kernel_height, product.kernel_width, product.stride_y, product.stride_x, product.dilation_y, product.dilation_x) = (1, 1, 1, 1, 1, 1)
            (product.weight_signed, product.in_zero, product.output) = (isSigned, 7, THIMBLE_INT8_SUMS)
            (product.weight_out, product.weight_in) = (1, n)
            thimble_int8_prepare(&product)
            let packed = Memory<UInt8>.garbage(thimble_int8_pack_size(&product)), scratch = Memory<UInt8>.garbage(thimble_int8_scratch(&product))
            var channels = thimble_int8_channels()
            thimble_int8_pack(&product, b.at, &channels, packed.at)
            let c = Memory(m * n) { _ in Int32(-1) }
            thimble_int8_run(&product, a.at, packed.at, nil, c.at, 0, thimble_int8_units(&product), scratch.at)
            #expect((0..<m * n).map { Int(c[$0]) } == expected, "family \(family)")
        }
    }

    /// Results without what lies between the pixels, which must not change.
    private func run(_ one: Int8Case, _ family: UInt32, _ now: thimble_int8_now?, cut: Int) -> [Int] {
        var k = one.kernelStruct
        k.family = family
        thimble_int8_prepare(&k)
        let packed = Memory<UInt8>.garbage(thimble_int8_pack_size(&k)), scratch = Memory<UInt8>.garbage(thimble_int8_scratch(&k))
        let weights = Memory(one.weights.count) { UInt8(truncatingIfNeeded: one.weights[$0]) }, input = one.inputBytes
        let zeros = one.zeros.map { Memory($0) }, bias = one.bias.map { Memory($0) }, scale = one.scale.map { Memory($0) }, floats = one.floatBias.map { Memory($0) }
        var channels = thimble_int8_channels(
            zero: zeros?.at, zeros: zeros?.count ?? 0, bias: bias?.at, scale: scale?.at, scales: scale?.count ?? 0, float_bias: floats?.at)
        thimble_int8_pack(&k, weights.at, &channels, packed.at)
        let width = one.output == THIMBLE_INT8_BYTES ? 1 : 4, pixels = one.batch * one.outHeight * one.outWidth
        let out = Memory<UInt8>(((pixels - 1) * one.outPixel + one.outChannels) * width) { _ in 0x5b }
        let units = thimble_int8_units(&k), middle = min(cut, units)
        for range in [(middle, units), (0, middle)] {
            if var now { thimble_int8_run(&k, input.at, packed.at, &now, out.at, range.0, range.1, scratch.at) }
            else { thimble_int8_run(&k, input.at, packed.at, nil, out.at, range.0, range.1, scratch.at) }
        }
        var found: [Int] = []
        for pixel in 0..<pixels {
            for channel in 0..<min(one.outPixel, pixel + 1 < pixels ? .max : one.outChannels) {
                let at = (pixel * one.outPixel + channel) * width, bytes = (0..<width).map { out[at + $0] }
                if channel >= one.outChannels {
                    if bytes != [UInt8](repeating: 0x5b, count: width) { return [] }
                    continue
                }
                let bits = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                switch one.output {
                case THIMBLE_INT8_BYTES: found.append(one.outSigned ? Int(Int8(bitPattern: bytes[0])) : Int(bits))
                case THIMBLE_INT8_SUMS: found.append(Int(Int32(bitPattern: bits)))
                default: found.append(Int(bits))
                }
            }
        }
        return found
    }
}
