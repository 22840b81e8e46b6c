import CKernels
import TestSupport
import Testing

/// A box and its steps, in bytes, and where cell 0 lies in memory of just the size that the steps reach.
private struct Box: CustomTestStringConvertible {
    var cell: Int
    var dims: [Int]
    var inSteps: [Int]
    var outSteps: [Int]

    var testDescription: String { "\(dims) cells of \(cell), steps \(inSteps) to \(outSteps)" }

    static func random(_ random: inout SeededRandom) -> Box {
        let cell = [1, 2, 4, 8, 1, 2, 4, 8, 16, 3, 5, 12, 20, 40, 100].randomElement(using: &random)!
        let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40, 64, 65, 2, 3, 4, 130]
        var dims: [Int] = []
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let dim = sizes.randomElement(using: &random)!
            dims.append(dims.reduce(dim, *) > 30_000 ? 1 : dim)
        }
        if !dims.isEmpty, Int.random(in: 0..<60, using: &random) == 0 { dims[0] = 0 }
        return Box(
            cell: cell, dims: dims, inSteps: steps(dims, cell, repeats: true, &random), outSteps: steps(dims, cell, repeats: false, &random))
    }

    /// Axes in any order of nesting, with gaps, backwards and, on the input's side, standing still.
    private static func steps(_ dims: [Int], _ cell: Int, repeats: Bool, _ random: inout SeededRandom) -> [Int] {
        var steps = dims, next = cell
        let order = repeats || Bool.random(using: &random) ? Array(dims.indices).shuffled(using: &random) : Array(dims.indices)
        for axis in order.reversed() {
            if repeats, Int.random(in: 0..<8, using: &random) == 0 {
                steps[axis] = 0
                continue
            }
            next *= Int.random(in: 0..<6, using: &random) == 0 ? 2 : 1
            steps[axis] = Int.random(in: 0..<6, using: &random) == 0 ? -next : next
            next *= max(1, dims[axis])
        }
        return steps
    }

    /// How far below and above cell 0 the steps reach, in bytes.
    func reach(_ steps: [Int]) -> (low: Int, size: Int) {
        let ends = zip(dims, steps).map { max(0, $0 - 1) * $1 }
        let low = ends.filter { $0 < 0 }.reduce(0, +), high = ends.filter { $0 > 0 }.reduce(0, +)
        return (low, high - low + cell)
    }

    func move(family: UInt32) -> thimble_move? {
        var move = thimble_move()
        move.cell = cell
        move.rank = dims.count
        move.family = family
        withUnsafeMutableBytes(of: &move.dims) { $0.copyBytes(from: dims.withUnsafeBytes { Array($0) }) }
        withUnsafeMutableBytes(of: &move.in_steps) { $0.copyBytes(from: inSteps.withUnsafeBytes { Array($0) }) }
        withUnsafeMutableBytes(of: &move.out_steps) { $0.copyBytes(from: outSteps.withUnsafeBytes { Array($0) }) }
        return thimble_move_prepare(&move) ? move : nil
    }

    /// The same by the definition.
    func expected(_ input: ExactMemory<UInt8>, _ before: [UInt8]) -> [UInt8] {
        var result = before
        let (inLow, outLow) = (reach(inSteps).low, reach(outSteps).low)
        for place in 0..<dims.reduce(1, *) {
            var rest = place, a = -inLow, b = -outLow
            for axis in dims.indices.reversed() {
                a += rest % dims[axis] * inSteps[axis]
                b += rest % dims[axis] * outSteps[axis]
                rest /= dims[axis]
            }
            for byte in 0..<cell { result[b + byte] = input[a + byte] }
        }
        return result
    }
}

@Suite struct MoveTests {
    private static let seed: UInt64 = 31

    @Test func movesAnyBoxOnEveryFamilyAndNothingElse() {
        var random = SeededRandom(seed: Self.seed)
        for round in 0..<400 {
            let box = Box.random(&random)
            let (inLow, inSize) = box.reach(box.inSteps), (outLow, outSize) = box.reach(box.outSteps)
            if inSize > 4_000_000 || outSize > 4_000_000 { continue }
            let input = ExactMemory(random.bytes(inSize))
            let before = [UInt8](repeating: 77, count: outSize), expected = box.expected(input, before)
            for family in 0...thimble_processor() {
                let output = ExactMemory(before)
                var move = box.move(family: family)!
                inPieces(thimble_move_units(&move), &random) { first, last in
                    thimble_move_run(&move, input.base - inLow, output.base - outLow, first, last)
                }
                #expect(output.values == expected, "\(box.testDescription), family \(family), round \(round), seed \(Self.seed)")
            }
            let output = ExactMemory(before)
            thimble_copy_cells(
                input.base - inLow, box.inSteps, output.base - outLow, box.outSteps, box.dims.map { $0 }, box.dims.count, UInt32(box.cell))
            #expect(output.values == expected, "\(box.testDescription) at once, round \(round), seed \(Self.seed)")
        }
    }

    /// Layouts that models have: what each becomes must be right at sizes that are shared by several units.
    @Test(arguments: [1, 2, 4, 8], [2, 3, 4, 16, 30, 65]) func transposesLargeImages(cell: Int, channels: Int) {
        var random = SeededRandom(seed: Self.seed)
        let pixels = 3_001
        let toLast = Box(cell: cell, dims: [pixels, channels], inSteps: [cell, pixels * cell], outSteps: [channels * cell, cell])
        let toFirst = Box(cell: cell, dims: [channels, pixels], inSteps: [cell, channels * cell], outSteps: [pixels * cell, cell])
        let second = Box(cell: cell, dims: [channels, pixels / 2], inSteps: [pixels * cell, 2 * cell], outSteps: [pixels / 2 * cell, cell])
        for box in [toLast, toFirst, second] {
            let size = pixels * channels * cell, input = ExactMemory(random.bytes(size))
            let before = [UInt8](repeating: 0, count: box.reach(box.outSteps).size), expected = box.expected(input, before)
            for family in 0...thimble_processor() {
                let output = ExactMemory(before)
                var move = box.move(family: family)!
                inPieces(thimble_move_units(&move), &random) { thimble_move_run(&move, input.base, output.base, $0, $1) }
                #expect(output.values == expected, "\(box.testDescription), family \(family)")
            }
        }
    }

    @Test func copiesBoxesOfMoreAxesThanAMoveHas() {
        // 16 axes of 2, in reverse order: no two can be made one.
        let rank = 16, count = 1 << rank
        let input = ExactMemory((0..<count).map { UInt16($0) }), output = ExactMemory(count, UInt16(0))
        let forwards = (0..<rank).map { 2 << $0 }
        input.base.withMemoryRebound(to: UInt8.self, capacity: 2 * count) { from in
            output.base.withMemoryRebound(to: UInt8.self, capacity: 2 * count) { to in
                thimble_copy_cells(from, forwards, to, forwards.reversed(), [Int](repeating: 2, count: rank), rank, 2)
            }
        }
        #expect((0..<count).allSatisfy { output[$0] == UInt16(UInt32($0).reversedBits >> 16) })
        var tooMany = thimble_move()
        tooMany.rank = Int(THIMBLE_MOVE_RANK) + 1
        #expect(!thimble_move_prepare(&tooMany))
    }

    @Test(arguments: [1, 2, 3, 4, 8, 50, 40_000]) func gathersBlocks(block: Int) {
        var random = SeededRandom(seed: Self.seed)
        let (outer, dim, count) = (3, 7, block > 1_000 ? 5 : 301)
        let input = ExactMemory(random.bytes(outer * dim * block))
        let indices = (0..<count).map { _ in Int.random(in: -dim..<dim, using: &random) }
        var expected: [UInt8] = []
        for o in 0..<outer {
            for index in indices {
                let start = (o * dim + (index < 0 ? index + dim : index)) * block
                expected += (start..<start + block).map { input[$0] }
            }
        }
        let wide = ExactMemory(indices.map { Int64($0) }), narrow = ExactMemory(indices.map { Int32($0) })
        for isWide in [true, false] {
            var gather = thimble_gather(
                outer: outer, dim: dim, count: count, block: block, in_step: dim * block, out_step: count * block, wide: isWide)
            let output = ExactMemory(expected.count, UInt8(0))
            let given = isWide ? UnsafeRawPointer(wide.base) : UnsafeRawPointer(narrow.base)
            inPieces(thimble_gather_units(&gather), &random) { thimble_gather_run(&gather, input.base, given, output.base, $0, $1) }
            #expect(output.values == expected)
        }
    }
}

extension UInt32 {
    fileprivate var reversedBits: UInt32 { (0..<32).reduce(0) { $0 | (self >> UInt32($1) & 1) << UInt32(31 - $1) } }
}
