import CKernels
import TestSupport
import Testing

/// StoredType of one type, read and written as floats.
private enum StoredType {
    case float(Cells<Float>), half(Cells<UInt16>), bfloat(Cells<UInt16>), int64(Cells<Int64>), byte(Cells<UInt8>)

    init(_ type: thimble_type, _ values: [Float]) {
        switch type {
        case THIMBLE_TYPE_F16: self = .half(Cells(values.map(Self.half)))
        case THIMBLE_TYPE_BF16: self = .bfloat(Cells(values.map { UInt16($0.bitPattern >> 16) }))
        case THIMBLE_TYPE_I64: self = .int64(Cells(values.map { Int64($0) }))
        case THIMBLE_TYPE_U8: self = .byte(Cells(values.map { UInt8(min(255, max(0, $0))) }))
        default: self = .float(Cells(values))
        }
    }

    static func half(_ x: Float) -> UInt16 {
        var bytes: [UInt8] = [0, 0]
        thimble_float_to_half([x], 1, &bytes)
        return UInt16(bytes[0]) | UInt16(bytes[1]) << 8
    }

    var raw: UnsafeMutableRawPointer {
        switch self {
        case .float(let cells): cells.raw
        case .half(let cells), .bfloat(let cells): cells.raw
        case .int64(let cells): cells.raw
        case .byte(let cells): cells.raw
        }
    }

    var values: [Float] {
        switch self {
        case .float(let cells): return cells.elements
        case .half(let cells):
            return cells.elements.map { bits in
                var x: Float = 0
                thimble_half_to_float([UInt8(bits & 255), UInt8(bits >> 8)], 1, &x)
                return x
            }
        case .bfloat(let cells): return cells.elements.map { Float(bitPattern: UInt32($0) << 16) }
        case .int64(let cells): return cells.elements.map { Float($0) }
        case .byte(let cells): return cells.elements.map { Float($0) }
        }
    }
}

/// An operand somewhere in memory, with gaps, axes in any order, and axes that repeat.
private struct Operand {
    let type: thimble_type
    let strides: [Int]
    let memory: StoredType

    init(_ dims: [Int], repeats: Bool, _ random: inout SeededRandom) {
        type = [THIMBLE_TYPE_F32, THIMBLE_TYPE_F32, THIMBLE_TYPE_F32, THIMBLE_TYPE_F16, THIMBLE_TYPE_BF16, THIMBLE_TYPE_I64, THIMBLE_TYPE_U8]
            .randomElement(using: &random)!
        var strides = [Int](repeating: 0, count: dims.count), next = 1
        let order = Int.random(in: 0..<6, using: &random) == 0 ? dims.indices.shuffled(using: &random) : dims.indices.reversed()
        for axis in order where !(repeats && Int.random(in: 0..<3, using: &random) == 0) {
            strides[axis] = next
            next *= dims[axis] + (Int.random(in: 0..<8, using: &random) == 0 ? 2 : 0)
        }
        self.strides = strides
        let last = zip(dims, strides).reduce(0) { $0 + ($1.0 - 1) * $1.1 }
        // Values that every type has.
        memory = StoredType(type, (0...max(0, last)).map { _ in Float(Int.random(in: 0...60, using: &random)) })
    }

    func place(_ index: [Int]) -> Int { zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } }
}

private func indices(_ dims: [Int]) -> [[Int]] {
    dims.reduce([[]]) { before, size in before.flatMap { index in (0..<size).map { index + [$0] } } }
}

@Suite struct ElementwiseTests {
    @Test func programsOverAnyShapesStridesAndTypesComputeWhatEachElementGives() {
        var random = SeededRandom()
        for _ in 0..<60 {
            let sizes = [1, 2, 3, 5, 7, 16, 17, 31, 64, 130, 257]
            var dims = (0..<Int.random(in: 0...5, using: &random)).map { _ in sizes.randomElement(using: &random)! }
            while dims.reduce(1, *) > 6000 { dims.removeLast() }
            if Int.random(in: 0..<20, using: &random) == 0 { dims = [[1025, 2500, 4000].randomElement(using: &random)!] }
            let inputs = (0..<Int.random(in: 1...3, using: &random)).map { _ in Operand(dims, repeats: true, &random) }
            let output = Operand(dims, repeats: false, &random), plain = Operand(dims, repeats: false, &random)
            defer { keep(inputs, output, plain) }
            let before = [output.memory.values, plain.memory.values], values = inputs.map(\.memory.values)
            for family in 0...thimble_processor() {
                let program = ElementwiseProgram(dims, family: family)
                let x = inputs.map { program.input($0.strides, $0.type) }
                // ((x0 + x1) - 2 where x2 < 30, else x0 + x1) and its larger with 7: integers from -2 to 120.
                let sum = program.apply(THIMBLE_OP_ADD, x[0], x[x.count / 2])
                let less = program.apply(THIMBLE_OP_LESS, x[x.count - 1], program.constant(30))
                let chosen = program.apply(THIMBLE_OP_WHERE, less, program.apply(THIMBLE_OP_SUB, sum, program.constant(2)), sum)
                _ = program.apply(THIMBLE_OP_EXP, chosen)
                program.output(program.apply(THIMBLE_OP_MAX, chosen, program.constant(7)), output.strides, output.type)
                program.output(x[0], plain.strides, plain.type)
                #expect(program.prepare())
                program.run(inputs.map(\.memory.raw), [output.memory.raw, plain.memory.raw])
                var expected = before
                for index in indices(dims) {
                    let a = zip(inputs, values).map { $1[$0.place(index)] }
                    let sum = a[0] + a[a.count / 2]
                    expected[0][output.place(index)] = max(a[a.count - 1] < 30 ? sum - 2 : sum, 7)
                    expected[1][plain.place(index)] = a[0]
                }
                #expect(output.memory.values == expected[0] && plain.memory.values == expected[1], "shape \(dims), family \(family), seed \(random.seed)")
            }
        }
    }

    @Test func anOutputMayBeAnInput() {
        for family in 0...thimble_processor() {
            let x = (0..<3001).map { Float($0 % 37) - 18 }, cells = Cells(x)
            defer { keep(cells) }
            let program = ElementwiseProgram([3001], family: family)
            let a = program.input([1])
            program.output(program.apply(THIMBLE_OP_MUL, program.apply(THIMBLE_OP_RELU, a), a), [1])
            #expect(program.prepare())
            program.run([cells.raw], [cells.raw])
            #expect(cells.elements == x.map { max(0, $0) * $0 })
        }
    }

    @Test func storesSaturateAndRound() {
        let x: [Float] = [-1e30, -129, -1.7, -0.5, 0, 0.5, 1.7, 127.9, 300, 3e9, 1e30, .infinity, .nan]
        for family in 0...thimble_processor() {
            let wide = Cells([Int64](repeating: 7, count: x.count)), int = Cells([Int32](repeating: 7, count: x.count))
            let input = Cells(x), signed = Cells([Int8](repeating: 7, count: x.count)), byte = Cells([UInt8](repeating: 7, count: x.count))
            defer { keep(input, wide, int, signed, byte) }
            for (type, raw) in [(THIMBLE_TYPE_I64, wide.raw), (THIMBLE_TYPE_I32, int.raw), (THIMBLE_TYPE_I8, signed.raw), (THIMBLE_TYPE_U8, byte.raw)] {
                let program = ElementwiseProgram([x.count], family: family)
                program.output(program.input([1]), [1], type)
                #expect(program.prepare())
                program.run([input.raw], [raw])
            }
            #expect(wide.elements == [.min, -129, -1, 0, 0, 0, 1, 127, 300, 3_000_000_000, .max, .max, 0])
            #expect(int.elements == [.min, -129, -1, 0, 0, 0, 1, 127, 300, .max, .max, .max, 0])
            #expect(signed.elements == [-128, -128, -1, 0, 0, 0, 1, 127, 127, 127, 127, 127, 0])
            #expect(byte.elements == [0, 0, 0, 0, 0, 0, 1, 127, 255, 255, 255, 255, 0])
        }
    }

    @Test func whatDoesNotFitIsRefused() {
        let empty = ElementwiseProgram([4], family: 0)
        _ = empty.input([1])
        #expect(!empty.prepare())
        let deep = ElementwiseProgram([Int](repeating: 1, count: 9), family: 0)
        #expect(!deep.prepare())
        let long = ElementwiseProgram([4], family: 0)
        var value = long.input([1])
        for _ in 0..<64 { value = long.apply(THIMBLE_OP_NEG, value) }
        long.output(value, [1])
        #expect(!long.prepare())
        let forward = ElementwiseProgram([4], family: 0)
        forward.output(forward.apply(THIMBLE_OP_NEG, 5), [1])
        #expect(!forward.prepare())
    }

    @Test func nothingIsDoneForAShapeWithoutElements() {
        let program = ElementwiseProgram([3, 0, 5], family: 0)
        program.output(program.apply(THIMBLE_OP_NEG, program.input([0, 5, 1])), [0, 5, 1])
        #expect(program.prepare())
        let units = thimble_elementwise_units(&program.kernel)
        #expect(units == 0)
    }

    @Test func epiloguesGiveTheSameHoweverTheMatrixIsCut() {
        var random = SeededRandom()
        for _ in 0..<60 {
            let rows = [1, 2, 6, 13, 40].randomElement(using: &random)!, columns = [1, 3, 15, 16, 17, 64, 100, 300, 1030].randomElement(using: &random)!
            let stride = columns + [0, 5].randomElement(using: &random)!
            let x = (0..<rows * stride).map { _ in Float.random(in: -1...1, using: &random) }
            let residual = (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &random) }
            let channel = (0..<columns).map { _ in Float.random(in: -1...1, using: &random) }, perRow = (0..<rows).map { _ in Float.random(in: -1...1, using: &random) }
            var expected = x
            for i in 0..<rows {
                for j in 0..<columns { expected[i * stride + j] = max(0, (x[i * stride + j] + channel[j]) * residual[i * columns + j]) + perRow[i] + 0.25 }
            }
            for family in 0...thimble_processor() {
                let matrix = Cells(x), others = [Cells(residual), Cells(channel), Cells(perRow)]
                defer { keep(matrix, others) }
                let program = ElementwiseProgram([rows, columns], family: family)
                let a = program.input([stride, 1]), r = program.input([columns, 1]), c = program.input([0, 1]), w = program.input([1, 0])
                let relu = program.apply(THIMBLE_OP_RELU, program.apply(THIMBLE_OP_MUL, program.apply(THIMBLE_OP_ADD, a, c), r))
                program.output(program.apply(THIMBLE_OP_ADD, program.apply(THIMBLE_OP_ADD, relu, w), program.constant(0.25)), [stride, 1])
                var epilogue = thimble_epilogue_program()
                let fits = thimble_epilogue_program_prepare(&epilogue, &program.kernel)
                #expect(fits)
                let inputs: [UnsafeRawPointer?] = [nil] + others.map { UnsafeRawPointer($0.raw) }
                inputs.withUnsafeBufferPointer { inputs in
                    epilogue.inputs = inputs.baseAddress
                    var row = 0
                    while row < rows {
                        let high = Int.random(in: 1...rows - row, using: &random)
                        var column = 0
                        while column < columns {
                            let wide = column == 0 && Bool.random(using: &random) ? columns : Int.random(in: 1...columns - column, using: &random)
                            thimble_elementwise_epilogue(&epilogue, matrix.start.baseAddress! + row * stride + column, high, wide, stride, row, column)
                            column += wide
                        }
                        row += high
                    }
                }
                #expect(matrix.elements == expected, "\(rows)×\(columns), family \(family), seed \(random.seed)")
            }
        }
    }
}
