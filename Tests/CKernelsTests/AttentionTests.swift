import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct AttentionTests {
    private static let seed: UInt64 = 61

    private struct Case {
        var batch: Int, heads: Int, keyHeads: Int, queries: Int, keys: Int, depth: Int, valueDepth: Int
        var causalOffset: Int?
        /// Sizes of the mask without its last axis; 1 is broadcast.
        var mask: [Int]?

        static func random(_ random: inout SeededRandom) -> Case {
            func pick(_ values: [Int]) -> Int { values.randomElement(using: &random)! }
            let keyHeads = pick([1, 2, 3])
            var one = Case(
                batch: pick([1, 2]), heads: keyHeads * pick([1, 1, 2]), keyHeads: keyHeads, queries: pick([1, 2, 7, 33, 64, 100, 140]),
                keys: pick([1, 3, 15, 16, 17, 40, 130]), depth: pick([1, 4, 5, 16, 32, 40]), valueDepth: pick([1, 3, 16, 33]))
            if Bool.random(using: &random) { one.causalOffset = .random(in: -3...max(0, one.keys - one.queries), using: &random) }
            if Bool.random(using: &random) { one.mask = [pick([1, one.batch]), pick([1, one.heads]), pick([1, one.queries])] }
            return one
        }
    }

    @Test func agreesWithBinary64() {
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<30 {
            let one = Case.random(&random)
            let q = ExactMemory<Float>.random(one.batch * one.queries * one.heads * one.depth, in: -2...2, &random)
            let k = ExactMemory<Float>.random(one.batch * one.keys * one.keyHeads * one.depth, in: -2...2, &random)
            let v = ExactMemory<Float>.random(one.batch * one.keys * one.keyHeads * one.valueDepth, &random)
            let mask = one.mask.map { dims in Self.mask(dims.reduce(one.keys, *), keys: one.keys) }
            for family in 0...thimble_processor() {
                let output = ExactMemory(one.batch * one.queries * one.heads * one.valueDepth, Float(77))
                run(one, family, q, k, v, mask, output, &random)
                #expect(largestDifference(one, q, k, v, mask, output) < 3e-6, "\(one), family \(family), seed \(Self.seed)")
            }
        }
    }

    /// Hides some keys, but not a row's first.
    private static func mask(_ count: Int, keys: Int) -> ExactMemory<Float> {
        let mask = ExactMemory(count, Float(0))
        for at in 0..<count {
            let hidden = at % keys != 0 && at % 5 == 3
            mask.base[at] = hidden ? -.infinity : Float(at % 7) / 4
        }
        return mask
    }

    private func run(
        _ one: Case, _ family: UInt32, _ q: ExactMemory<Float>, _ k: ExactMemory<Float>, _ v: ExactMemory<Float>, _ mask: ExactMemory<Float>?,
        _ output: ExactMemory<Float>, _ random: inout SeededRandom
    ) {
        // [batch][row][head][element], as a product with the weights of all heads leaves them.
        func steps(_ rows: Int, _ heads: Int, _ depth: Int) -> thimble_head_steps {
            thimble_head_steps(batch: rows * heads * depth, head: depth, row: heads * depth, element: 1)
        }
        var attention = thimble_attention()
        attention.family = family
        (attention.batch, attention.heads, attention.key_heads) = (one.batch, one.heads, one.keyHeads)
        (attention.queries, attention.keys, attention.depth, attention.value_depth) = (one.queries, one.keys, one.depth, one.valueDepth)
        attention.scale = 1 / Float(one.depth).squareRoot()
        attention.causal = one.causalOffset != nil
        attention.causal_offset = one.causalOffset ?? 0
        attention.q = steps(one.queries, one.heads, one.depth)
        attention.k = steps(one.keys, one.keyHeads, one.depth)
        attention.v = steps(one.keys, one.keyHeads, one.valueDepth)
        attention.out = steps(one.queries, one.heads, one.valueDepth)
        if let dims = one.mask {
            let row = one.keys, head = row * dims[2], batch = head * dims[1]
            attention.mask = thimble_head_steps(
                batch: dims[0] == 1 ? 0 : batch, head: dims[1] == 1 ? 0 : head, row: dims[2] == 1 ? 0 : row, element: 1)
        }
        thimble_attention_prepare(&attention)
        let scratch = ExactMemory(thimble_attention_scratch(&attention), UInt8(255))
        inPieces(thimble_attention_units(&attention), &random) {
            thimble_attention_run(&attention, q.base, k.base, v.base, mask?.base, output.base, $0, $1, scratch.base)
        }
    }

    private func largestDifference(
        _ one: Case, _ q: ExactMemory<Float>, _ k: ExactMemory<Float>, _ v: ExactMemory<Float>, _ mask: ExactMemory<Float>?,
        _ output: ExactMemory<Float>
    ) -> Double {
        var largest = 0.0
        for b in 0..<one.batch {
            for h in 0..<one.heads {
                let kh = h / (one.heads / one.keyHeads)
                for i in 0..<one.queries {
                    var scores = (0..<one.keys).map { j -> Double in
                        if let offset = one.causalOffset, j > i + offset { return -.infinity }
                        var sum = 0.0
                        let query = ((b * one.queries + i) * one.heads + h) * one.depth, key = ((b * one.keys + j) * one.keyHeads + kh) * one.depth
                        for d in 0..<one.depth { sum += Double(q[query + d]) * Double(k[key + d]) }
                        sum /= Double(one.depth).squareRoot()
                        if let mask, let dims = one.mask {
                            let maskBatch = dims[0] == 1 ? 0 : b, maskHead = dims[1] == 1 ? 0 : h, maskRow = dims[2] == 1 ? 0 : i
                            let row = (maskBatch * dims[1] + maskHead) * dims[2] + maskRow
                            sum += Double(mask[row * one.keys + j])
                        }
                        return sum
                    }
                    let top = scores.max()!
                    scores = scores.map { top == -.infinity ? 0 : exp($0 - top) }
                    let total = max(scores.reduce(0, +), 1e-300)
                    for d in 0..<one.valueDepth {
                        var sum = 0.0
                        for j in 0..<one.keys {
                            let value = ((b * one.keys + j) * one.keyHeads + kh) * one.valueDepth
                            sum += scores[j] / total * Double(v[value + d])
                        }
                        let place = ((b * one.queries + i) * one.heads + h) * one.valueDepth
                        let found = Double(output[place + d])
                        // A NaN is larger than any difference.
                        largest = found.isNaN ? .infinity : max(largest, abs(sum - found))
                    }
                }
            }
        }
        return largest
    }

    @Test func passesOnWhatIsNotANumber() {
        for family in 0...thimble_processor() {
            var random = SeededRandom(seed: Self.seed)
            let one = Case(batch: 1, heads: 1, keyHeads: 1, queries: 3, keys: 20, depth: 4, valueDepth: 5)
            let q = ExactMemory<Float>.random(12, &random), k = ExactMemory<Float>.random(80, &random), v = ExactMemory<Float>.random(100, &random)
            q.base[5] = .nan
            let output = ExactMemory(15, Float(0))
            run(one, family, q, k, v, nil, output, &random)
            #expect(output.values.map { $0.isNaN } == (0..<15).map { (5..<10).contains($0) })
        }
    }
}
