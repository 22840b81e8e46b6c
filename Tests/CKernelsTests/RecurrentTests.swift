import CKernels
import Foundation
import TestSupport
import Testing

/// One direction of an LSTM, GRU or RNN.
private struct RecurrentCase {
    var kind: Int, steps: Int, batch: Int, input: Int, hidden: Int
    var reverse = false, linearBeforeReset = false, inputForget = false, batchFirst = false
    var biased = true, peepholes = false, initial = false
    var clip: Float = 0
    var lengths: [Int32]?

    var gates: Int { kind == Int(THIMBLE_LSTM) ? 4 : kind == Int(THIMBLE_GRU) ? 3 : 1 }

    static func random(_ random: inout SeededRandom) -> RecurrentCase {
        func pick(_ values: [Int]) -> Int { values.randomElement(using: &random)! }
        func flip() -> Bool { .random(using: &random) }
        var one = RecurrentCase(
            kind: pick([Int(THIMBLE_RNN), Int(THIMBLE_GRU), Int(THIMBLE_LSTM)]), steps: pick([1, 2, 5, 9]), batch: pick([1, 2, 7, 16, 17, 21]),
            input: pick([1, 3, 8, 17]), hidden: pick([1, 4, 5, 16, 19, 33]))
        (one.reverse, one.linearBeforeReset, one.inputForget, one.batchFirst) = (flip(), flip(), flip(), flip())
        (one.biased, one.peepholes, one.initial, one.clip) = (flip(), flip(), flip(), flip() ? 0.6 : 0)
        if flip() { one.lengths = (0..<one.batch).map { _ in .random(in: 0...Int32(one.steps), using: &random) } }
        return one
    }

    /// Floats from a step, and from a sequence, to the next, of rows of `width`.
    func steps(_ width: Int) -> (step: Int, batch: Int) { batchFirst ? (width, steps * width) : (batch * width, width) }
}

/// ONNX's formulas, in binary64.
private struct RecurrentOracle {
    let one: RecurrentCase
    let x: [Float], w: [Float], r: [Float], b: [Float], p: [Float], h: [Float], c: [Float]

    private func sigmoid(_ v: Double) -> Double { 1 / (1 + exp(-clipped(v))) }
    private func bent(_ v: Double) -> Double { tanh(clipped(v)) }
    private func clipped(_ v: Double) -> Double { one.clip > 0 ? min(max(v, -Double(one.clip)), Double(one.clip)) : v }

    /// Row `gate` · hidden + i of a matrix times a vector, and its bias (`part` 0: of the input, 1: of the state).
    private func product(_ matrix: [Float], _ gate: Int, _ i: Int, _ vector: [Double], part: Int) -> Double {
        let row = gate * one.hidden + i
        let bias = one.biased ? Double(b[part * one.gates * one.hidden + row]) : 0
        return vector.indices.reduce(bias) { $0 + Double(matrix[row * vector.count + $1]) * vector[$1] }
    }

    /// y, the last h and the last c.
    func run() -> ([Double], [Double], [Double]) {
        let n = one.hidden, ys = one.steps(n), xs = one.steps(one.input)
        var y = [Double](repeating: 0, count: one.steps * one.batch * n), lastH: [Double] = [], lastC: [Double] = []
        for sequence in 0..<one.batch {
            var state = (0..<n).map { one.initial ? Double(h[sequence * n + $0]) : 0 }
            var cell = (0..<n).map { one.initial ? Double(c[sequence * n + $0]) : 0 }
            let length = one.lengths.map { Int($0[sequence]) } ?? one.steps
            for step in 0..<length {
                let time = one.reverse ? length - 1 - step : step
                let input = (0..<one.input).map { Double(x[time * xs.step + sequence * xs.batch + $0]) }
                (state, cell) = advance(input, state, cell)
                for i in 0..<n { y[time * ys.step + sequence * ys.batch + i] = state[i] }
            }
            lastH += state
            lastC += cell
        }
        return (y, lastH, lastC)
    }

    private func advance(_ input: [Double], _ state: [Double], _ cell: [Double]) -> ([Double], [Double]) {
        let n = one.hidden
        func gate(_ g: Int, _ i: Int) -> Double { product(w, g, i, input, part: 0) + product(r, g, i, state, part: 1) }
        func peephole(_ g: Int, _ i: Int) -> Double { one.peepholes ? Double(p[g * n + i]) : 0 }
        switch one.kind {
        case Int(THIMBLE_RNN):
            return ((0..<n).map { bent(gate(0, $0)) }, cell)
        case Int(THIMBLE_GRU):
            let update = (0..<n).map { sigmoid(gate(0, $0)) }, reset = (0..<n).map { sigmoid(gate(1, $0)) }
            let dampened = (0..<n).map { reset[$0] * state[$0] }
            return ((0..<n).map { i in
                let recurrent = one.linearBeforeReset ? reset[i] * product(r, 2, i, state, part: 1) : product(r, 2, i, dampened, part: 1)
                return (1 - update[i]) * bent(product(w, 2, i, input, part: 0) + recurrent) + update[i] * state[i]
            }, cell)
        default:
            var newState = state, newCell = cell
            for i in 0..<n {
                let inward = sigmoid(gate(0, i) + peephole(0, i) * cell[i])
                let forget = one.inputForget ? 1 - inward : sigmoid(gate(2, i) + peephole(2, i) * cell[i])
                newCell[i] = forget * cell[i] + inward * bent(gate(3, i))
                newState[i] = sigmoid(gate(1, i) + peephole(1, i) * newCell[i]) * tanh(newCell[i])
            }
            return (newState, newCell)
        }
    }
}

@Suite struct RecurrentTests {
    private static let seed: UInt64 = 71

    @Test func agreesWithFormulasInBinary64() {
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<70 { check(.random(&random), &random) }
    }

    /// More gates than are made at a time: several chunks of steps, in both directions.
    @Test(arguments: [false, true]) func goesOnFromChunkToChunk(reverse: Bool) {
        var random = SeededRandom(seed: Self.seed)
        check(
            RecurrentCase(
                kind: Int(THIMBLE_LSTM), steps: 11, batch: 9, input: 2, hidden: 375, reverse: reverse, lengths: [11, 3, 11, 7, 0, 11, 10, 1, 2]),
            &random)
        check(RecurrentCase(kind: Int(THIMBLE_GRU), steps: 800, batch: 1, input: 2, hidden: 64, reverse: reverse), &random)
    }

    private func check(_ one: RecurrentCase, _ random: inout SeededRandom) {
        let n = one.hidden, width = one.gates * n, scale = 1 / Float(n).squareRoot()
        let x = ExactMemory<Float>.random(one.steps * one.batch * one.input, &random)
        let w = ExactMemory<Float>.random(width * one.input, &random), r = ExactMemory<Float>.random(width * n, in: -scale...scale, &random)
        let b = ExactMemory<Float>.random(2 * width, &random), p = ExactMemory<Float>.random(3 * n, &random)
        let h = ExactMemory<Float>.random(one.batch * n, &random), c = ExactMemory<Float>.random(one.batch * n, &random)
        let expected = RecurrentOracle(one: one, x: x.values, w: w.values, r: r.values, b: b.values, p: p.values, h: h.values, c: c.values).run()
        let lengths = one.lengths.map { ExactMemory($0) }
        for family in 0...thimble_processor() {
            var k = thimble_recurrent()
            (k.kind, k.family, k.steps, k.batch, k.input, k.hidden) = (UInt32(one.kind), family, one.steps, one.batch, one.input, n)
            (k.reverse, k.linear_before_reset, k.input_forget, k.clip) = (one.reverse, one.linearBeforeReset, one.inputForget, one.clip)
            (k.x_step, k.x_batch) = one.steps(one.input)
            (k.y_step, k.y_batch) = one.steps(n)
            k.state_batch = n
            thimble_recurrent_prepare(&k)
            let packed = ExactMemory(thimble_recurrent_pack_size(&k), UInt8(0)), scratch = ExactMemory(thimble_recurrent_scratch(&k), UInt8(255))
            thimble_recurrent_pack(&k, w.base, r.base, one.biased ? b.base : nil, one.peepholes ? p.base : nil, packed.base)
            let y = ExactMemory(one.steps * one.batch * n, Float(77))
            let lastH = ExactMemory(one.batch * n, Float(77)), lastC = ExactMemory(one.batch * n, Float(77))
            inPieces(thimble_recurrent_units(&k), &random) {
                thimble_recurrent_run(
                    &k, x.base, lengths?.base, one.initial ? h.base : nil, one.initial ? c.base : nil, packed.base,
                    y.base, lastH.base, lastC.base, $0, $1, scratch.base)
            }
            func difference(_ a: [Double], _ b: ExactMemory<Float>) -> Double {
                a.indices.reduce(0) { b[$1].isNaN ? .infinity : max($0, abs(a[$1] - Double(b[$1]))) }
            }
            let largest = [difference(expected.0, y), difference(expected.1, lastH), difference(expected.2, lastC)].max()!
            #expect(largest < 5e-6, "\(one), family \(family), seed \(Self.seed)")
        }
    }
}
