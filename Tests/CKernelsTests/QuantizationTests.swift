import CKernels
import TestSupport
import Testing

/// The range of a type of integers.
private func range(_ type: thimble_integer) -> ClosedRange<Int> {
    switch type {
    case THIMBLE_U8: 0...255
    case THIMBLE_S8: -128...127
    case THIMBLE_U16: 0...65535
    default: -32768...32767
    }
}

private func bytes(_ type: thimble_integer) -> Int { type == THIMBLE_U8 || type == THIMBLE_S8 ? 1 : 2 }

/// Integers as they lie in memory.
private func stored(_ values: [Int], _ type: thimble_integer) -> Memory<UInt8> {
    Memory(values.count * bytes(type)) { UInt8(truncatingIfNeeded: bytes(type) == 1 ? values[$0] : values[$0 / 2] >> ($0 % 2 * 8)) }
}

private func loaded(_ memory: Memory<UInt8>, _ type: thimble_integer) -> [Int] {
    (0..<memory.count / bytes(type)).map {
        switch type {
        case THIMBLE_U8: Int(memory[$0])
        case THIMBLE_S8: Int(Int8(bitPattern: memory[$0]))
        case THIMBLE_U16: Int(memory[2 * $0]) | Int(memory[2 * $0 + 1]) << 8
        default: Int(Int16(bitPattern: UInt16(memory[2 * $0]) | UInt16(memory[2 * $0 + 1]) << 8))
        }
    }
}

private func rounded(_ x: Float, _ zero: Int, _ range: ClosedRange<Int>) -> Int {
    if x.isNaN { return range.lowerBound }
    return min(max(Int(min(max(x.rounded(.toNearestOrEven), -1e6), 1e6)) + zero, range.lowerBound), range.upperBound)
}

@Suite struct QuantizationTests {
    private static let seed: UInt64 = 20_250_611
    private static let types = [THIMBLE_U8, THIMBLE_S8, THIMBLE_U16, THIMBLE_S16]

    @Test func quantizesWithTiesToEvenAndSaturation() {
        var random = SeededRandom(seed: Self.seed)
        for type in Self.types {
            for count in [0, 1, 3, 4, 7, 15, 16, 17, 33, 100] {
                let zero = Int.random(in: range(type), using: &random), scale = Float(0.25)
                var values = (0..<count).map { _ in Float(Int.random(in: -1200...1200, using: &random)) / 8 }
                if count > 10 { values.replaceSubrange(0..<6, with: [.nan, .infinity, -.infinity, 1e30, -1e30, -0.0]) }
                let input = Memory(values), expected = values.map { rounded($0 / scale, zero, range(type)) }
                for family in 0...thimble_processor() {
                    let out = Memory<UInt8>.garbage(count * bytes(type))
                    thimble_quantize(family, input.at, count, scale, Int32(zero), type, out.at)
                    #expect(loaded(out, type) == expected, "type \(type.rawValue), \(count), family \(family), seed \(Self.seed)")
                }
            }
        }
    }

    @Test func dequantizes() {
        var random = SeededRandom(seed: Self.seed)
        for type in Self.types {
            for count in [0, 1, 5, 16, 31, 64, 67] {
                let zero = Int.random(in: range(type), using: &random), values = (0..<count).map { _ in Int.random(in: range(type), using: &random) }
                let input = stored(values, type)
                for family in 0...thimble_processor() {
                    let out = Memory<Float>(count) { _ in .nan }
                    thimble_dequantize(family, input.at, count, 0.0371, Int32(zero), type, out.at)
                    #expect(out.elements == values.map { Float($0 - zero) * 0.0371 }, "type \(type.rawValue), \(count), family \(family)")
                }
            }
        }
    }

    @Test func findsTheRangeOfFloatsWithZeroAndWithoutWhatIsNotANumber() {
        var random = SeededRandom(seed: Self.seed)
        for count in [0, 1, 3, 16, 50] {
            for offset: Float in [-10, 0, 10] {
                let values = (0..<count).map { $0 % 7 == 3 ? Float.nan : .random(in: -5...5, using: &random) + offset }, input = Memory(values)
                let known = values.filter { !$0.isNaN } + [0]
                for family in 0...thimble_processor() {
                    var (low, high): (Float, Float) = (.nan, .nan)
                    thimble_float_range(family, input.at, count, &low, &high)
                    #expect(low == known.min()! && high == known.max()!, "\(count), family \(family)")
                }
            }
        }
    }

    @Test(arguments: [false, true]) func addsAndMultipliesWithOneRoundingPerStep(isSigned: Bool) {
        var random = SeededRandom(seed: Self.seed)
        let type = isSigned ? THIMBLE_S8 : THIMBLE_U8
        for count in [1, 4, 15, 16, 17, 70, 200] {
            for isOne in [false, true] {
                func quantity() -> thimble_quantity {
                    thimble_quantity(scale: .random(in: 0.01...0.1, using: &random), zero: Int32(Int.random(in: range(type), using: &random)))
                }
                let (qa, qb, qc) = (quantity(), quantity(), quantity())
                let a = (0..<count).map { _ in Int.random(in: range(type), using: &random) }
                let b = (0..<(isOne ? 1 : count)).map { _ in Int.random(in: range(type), using: &random) }
                let limits = count % 2 == 0 ? range(type) : Int(qc.zero)...range(type).upperBound
                let (ratioA, ratioB) = (qa.scale / qc.scale, qb.scale / qc.scale)
                var fixed = Float(qc.zero) - (ratioB * Float(qb.zero)).addingProduct(ratioA, Float(qa.zero))
                if isOne { fixed += Float(b[0]) * ratioB }
                let sums = a.indices.map { i in
                    rounded((isOne ? fixed : fixed.addingProduct(Float(b[i]), ratioB)).addingProduct(Float(a[i]), ratioA), 0, limits)
                }
                let products = a.indices.map { i in
                    let product = (a[i] - Int(qa.zero)) * (b[isOne ? 0 : i] - Int(qb.zero))
                    return rounded(Float(product) * (qa.scale * qb.scale / qc.scale) + Float(qc.zero), 0, limits)
                }
                let left = stored(a, type), right = stored(b, type), (low, high) = (Int32(limits.lowerBound), Int32(limits.upperBound))
                for family in 0...thimble_processor() {
                    let sum = Memory<UInt8>.garbage(count)
                    thimble_q8_add(family, isSigned, left.at, qa, right.at, isOne ? 0 : 1, qb, sum.at, qc, low, high, count)
                    #expect(loaded(sum, type) == sums, "\(count), one \(isOne), family \(family), seed \(Self.seed)")
                    // In place.
                    let product = stored(a, type)
                    thimble_q8_multiply(family, isSigned, product.at, qa, right.at, isOne ? 0 : 1, qb, product.at, qc, low, high, count)
                    #expect(loaded(product, type) == products, "\(count), one \(isOne), family \(family), seed \(Self.seed)")
                }
            }
        }
    }

    @Test(arguments: [false, true]) func tablesHoldTheFunctionOfEveryByte(isSigned: Bool) {
        let type = isSigned ? THIMBLE_S8 : THIMBLE_U8, all = stored((0..<256).map { $0 > range(type).upperBound ? $0 - 256 : $0 }, type)
        let from = thimble_quantity(scale: 0.05, zero: isSigned ? -3 : 120), to = thimble_quantity(scale: 1 / 256, zero: isSigned ? -128 : 0)
        let wide = thimble_quantity(scale: 0.11, zero: 9)
        let values = loaded(all, type).map { from.scale * Float($0 - Int(from.zero)) }
        let table = Memory<UInt8>.garbage(256), out = Memory<UInt8>.garbage(256)
        func looked() -> [Int] {
            thimble_q8_lookup(table.at, all.at, 256, out.at)
            return loaded(out, type)
        }
        thimble_q8_table_requantize(table.at, isSigned, from, isSigned, wide)
        #expect(looked() == values.map { rounded($0 / wide.scale, 9, range(type)) })
        thimble_q8_table_leaky_relu(table.at, isSigned, from, isSigned, wide, 0.3)
        #expect(looked() == values.map { rounded(($0 >= 0 ? $0 : 0.3 * $0) / wide.scale, 9, range(type)) })
        // 1 / (1 + e^-x) at a few places, worked out to more digits than a byte has.
        thimble_q8_table_sigmoid(table.at, isSigned, from, isSigned, to)
        let sigmoid = looked(), zero = Int(from.zero) & 255
        for (step, expected) in [(0, 128), (20, 187), (-20, 69), (60, 244), (-100, 2)] {
            #expect(sigmoid[(zero + step) & 255] == expected + Int(to.zero), "\(step)")
        }
        // Far away, and every step upward.
        let far = thimble_quantity(scale: 40, zero: from.zero)
        thimble_q8_table_sigmoid(table.at, isSigned, far, isSigned, to)
        #expect(looked()[(zero + 100) & 255] == range(type).upperBound && looked()[(zero - 100) & 255] == range(type).lowerBound)
    }

    @Test(arguments: 1...4) func joinsChannelsOfInputs(inputs: Int) {
        var random = SeededRandom(seed: Self.seed &+ UInt64(inputs))
        for (channels, pixels) in [(1, 5), (3, 1), (4, 40), (7, 9), (8, 3), (15, 11), (16, 2), (17, 200), (29, 13), (58, 49)] {
            let (from, to) = (Self.types[Int.random(in: 0...1, using: &random)], Self.types[Int.random(in: 0...1, using: &random)])
            var k = thimble_q8_join()
            (k.inputs, k.channels, k.pixels, k.out_pixel) = (inputs, channels, pixels, inputs * channels + 3)
            (k.in_signed, k.out_signed) = (from == THIMBLE_S8, to == THIMBLE_S8)
            k.out = thimble_quantity(scale: 0.03, zero: Int32.random(in: -20...20, using: &random) + (to == THIMBLE_S8 ? 0 : 100))
            let limits = channels % 2 == 0 ? range(to) : range(to).lowerBound + 9...range(to).upperBound - 30
            (k.low, k.high) = (Int32(limits.lowerBound), Int32(limits.upperBound))
            // The second input has the quantity of the result, so that its codes may stay; the third is much finer, the fourth much coarser.
            let quantities = [thimble_quantity(scale: 0.025, zero: 12), k.out, thimble_quantity(scale: 0.001, zero: 3), thimble_quantity(scale: 1.7, zero: 77)]
            let strides = [channels, channels + 5, 2 * channels, channels + 1]
            (k.in, k.in_pixel) = ((quantities[0], quantities[1], quantities[2], quantities[3]), (strides[0], strides[1], strides[2], strides[3]))
            let values = (0..<inputs).map { i in (0..<(pixels - 1) * strides[i] + channels).map { _ in Int.random(in: range(from), using: &random) } }
            let memories = values.map { stored($0, from) }
            for family in 0...thimble_processor() {
                k.family = family
                let out = Memory<UInt8>(pixels * k.out_pixel - 3) { _ in 0x5b }, units = thimble_q8_join_units(&k)
                var sources = memories.map { UnsafeRawPointer($0.at) as UnsafeRawPointer? }
                thimble_q8_join_run(&k, &sources, out.at, units / 2, units)
                thimble_q8_join_run(&k, &sources, out.at, 0, units / 2)
                let found = loaded(out, to)
                for p in 0..<pixels {
                    for c in 0..<channels {
                        for i in 0..<inputs {
                            let number = Float(values[i][p * strides[i] + c] - Int(quantities[i].zero)) * quantities[i].scale
                            let expected = rounded(number / k.out.scale, Int(k.out.zero), limits)
                            #expect(found[p * k.out_pixel + c * inputs + i] == expected, "\(channels), input \(i), family \(family), seed \(Self.seed)")
                        }
                    }
                    if p > 0 { #expect(out[p * k.out_pixel - 1] == 0x5b && out[p * k.out_pixel - 3] == 0x5b) }
                }
            }
        }
    }

    @Test(arguments: [false, true]) func averagesWindowsAndWholeImages(isSigned: Bool) {
        var random = SeededRandom(seed: Self.seed)
        let type = isSigned ? THIMBLE_S8 : THIMBLE_U8
        for channels in [1, 4, 15, 16, 17, 37] {
            for (kernel, stride, pad, padded) in [(2, 2, 0, false), (3, 1, 1, false), (3, 2, 1, true), (0, 1, 0, false)] {
                var k = thimble_q8_average()
                let (height, width, pixel) = (5, 7, channels + 2), isGlobal = kernel == 0
                (k.batch, k.channels, k.height, k.width, k.in_pixel, k.out_pixel) = (2, channels, height, width, pixel, channels + 1)
                (k.out_height, k.out_width) = isGlobal ? (1, 1) : ((height + 2 * pad - kernel) / stride + 1, (width + 2 * pad - kernel) / stride + 1)
                (k.kernel_height, k.kernel_width, k.stride_y, k.stride_x, k.pad_top, k.pad_left) = (kernel, kernel, stride, stride, pad, pad)
                (k.is_signed, k.count_include_pad, k.global) = (isSigned, padded, isGlobal)
                k.in = thimble_quantity(scale: 0.03, zero: isSigned ? -7 : 100)
                k.out = thimble_quantity(scale: 0.021, zero: isSigned ? 5 : 130)
                let values = (0..<2 * height * width * pixel - 2).map { _ in Int.random(in: range(type), using: &random) }, input = stored(values, type)
                for family in 0...thimble_processor() {
                    k.family = family
                    let out = Memory<UInt8>(2 * k.out_height * k.out_width * k.out_pixel - 1) { _ in 0x5b }
                    let units = thimble_q8_average_units(&k)
                    thimble_q8_average_run(&k, input.at, out.at, units / 2, units)
                    thimble_q8_average_run(&k, input.at, out.at, 0, units / 2)
                    let found = loaded(out, type)
                    for place in 0..<2 * k.out_height * k.out_width {
                        let (image, y, x) = (place / (k.out_height * k.out_width), place / k.out_width % k.out_height, place % k.out_width)
                        let rows = isGlobal ? 0..<height : max(0, y * stride - pad)..<min(height, y * stride - pad + kernel)
                        let columns = isGlobal ? 0..<width : max(0, x * stride - pad)..<min(width, x * stride - pad + kernel)
                        for c in 0..<channels {
                            var floats: Float = 0, whole = 0
                            for row in rows { for column in columns {
                                let value = values[((image * height + row) * width + column) * pixel + c] - Int(k.in.zero)
                                floats += k.in.scale * Float(value)
                                whole += value
                            } }
                            let expected: Int
                            if isGlobal {
                                expected = rounded(Float(whole) * (k.in.scale / (k.out.scale * Float(height * width))), Int(k.out.zero), range(type))
                            } else {
                                let mean = floats / Float(padded ? kernel * kernel : rows.count * columns.count)
                                expected = rounded(mean / k.out.scale + Float(k.out.zero), 0, range(type))
                            }
                            #expect(found[place * (channels + 1) + c] == expected, "\(channels), kernel \(kernel), family \(family), seed \(Self.seed)")
                        }
                        if place > 0 { #expect(out[place * (channels + 1) - 1] == 0x5b) }
                    }
                }
            }
        }
    }
}
