import CKernels
import Foundation
import TestSupport
import Testing

/// An operator, what it is in binary64, where it is tried, and the error that it may have: in units of the last place, or absolute.
private struct Function: Sendable {
    let op: thimble_op
    let range: ClosedRange<Float>
    var p: Float = 0, q: Float = 0
    var places = 3.0, absolute = 0.0
    let exact: @Sendable (Double) -> Double
}

/// No normal number.
private let tiny = Float.leastNormalMagnitude / 8

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
private func clamp(_ x: Double, _ low: Double, _ high: Double) -> Double { min(max(x, low), high) }

private let functions = [
    Function(op: THIMBLE_OP_EXP, range: -104...88.7, exact: { exp($0) }),
    Function(op: THIMBLE_OP_LOG, range: 0...1000, exact: { log($0) }),
    Function(op: THIMBLE_OP_SIN, range: -2e6...2e6, absolute: 2e-7, exact: { sin($0) }),
    Function(op: THIMBLE_OP_COS, range: -200...200, absolute: 2e-7, exact: { cos($0) }),
    Function(op: THIMBLE_OP_TANH, range: -10...10, absolute: 4e-7, exact: { tanh($0) }),
    // The worst of all floats of the range is 4.14, of 0.22210826; one in ten thousand is above 3.
    Function(op: THIMBLE_OP_ERF, range: -4.5...4.5, places: 4.15, exact: { erf($0) }),
    Function(op: THIMBLE_OP_SIGMOID, range: -87...20, exact: { sigmoid($0) }),
    Function(op: THIMBLE_OP_SOFTPLUS, range: -80...80, exact: { softplus($0) }),
    Function(op: THIMBLE_OP_SOFTSIGN, range: -9...9, exact: { $0 / (1 + abs($0)) }),
    Function(op: THIMBLE_OP_MISH, range: -20...20, places: 5, exact: { $0 * tanh(softplus($0)) }),
    Function(op: THIMBLE_OP_GELU, range: -6...6, absolute: 6e-7, exact: { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
    Function(op: THIMBLE_OP_GELU_TANH, range: -6...6, absolute: 6e-7, exact: { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
    Function(op: THIMBLE_OP_SWISH, range: -40...40, p: 1.702, absolute: 3e-7, exact: { $0 * sigmoid(Double(Float(1.702)) * $0) }),
    Function(op: THIMBLE_OP_ELU, range: -20...20, p: 0.5, exact: { $0 < 0 ? 0.5 * expm1($0) : $0 }),
    Function(op: THIMBLE_OP_SELU, range: -20...20, p: 1.5, q: 1.25, exact: { 1.25 * ($0 < 0 ? 1.5 * expm1($0) : $0) }),
    Function(op: THIMBLE_OP_CELU, range: -20...20, p: 2, exact: { $0 < 0 ? 2 * expm1($0 / 2) : $0 }),
    Function(op: THIMBLE_OP_SQRT, range: 0...1000, places: 0.5, exact: { $0.squareRoot() }),
    Function(op: THIMBLE_OP_RECIPROCAL, range: 0.01...1000, places: 0.5, exact: { 1 / $0 }),
    Function(op: THIMBLE_OP_LEAKY_RELU, range: -5...5, p: 0.25, places: 0.5, exact: { $0 < 0 ? 0.25 * $0 : $0 }),
    Function(op: THIMBLE_OP_HARD_SIGMOID, range: -5...5, p: 0.25, q: 0.5, absolute: 1e-7, exact: { clamp(0.25 * $0 + 0.5, 0, 1) }),
    Function(op: THIMBLE_OP_HARD_SWISH, range: -5...5, absolute: 5e-7, exact: { $0 * clamp($0 / 6 + 0.5, 0, 1) }),
    Function(op: THIMBLE_OP_THRESHOLDED_RELU, range: -5...5, p: 1, places: 0, exact: { $0 > 1 ? $0 : 0 }),
    Function(op: THIMBLE_OP_CLIP, range: -5...5, p: -1, q: 2, places: 0, exact: { clamp($0, -1, 2) }),
    Function(op: THIMBLE_OP_FLOOR, range: -1e3...1e3, places: 0, exact: { $0.rounded(.down) }),
    Function(op: THIMBLE_OP_CEIL, range: -1e3...1e3, places: 0, exact: { $0.rounded(.up) }),
    Function(op: THIMBLE_OP_ROUND, range: -1e3...1e3, places: 0, exact: { $0.rounded(.toNearestOrEven) }),
    Function(op: THIMBLE_OP_TRUNC, range: -1e3...1e3, places: 0, exact: { $0.rounded(.towardZero) }),
    Function(op: THIMBLE_OP_NEG, range: -5...5, places: 0, exact: { -$0 }),
    Function(op: THIMBLE_OP_ABS, range: -5...5, places: 0, exact: { abs($0) }),
    Function(op: THIMBLE_OP_SQUARE, range: -5...5, places: 0.5, exact: { $0 * $0 }),
    Function(op: THIMBLE_OP_RELU, range: -5...5, places: 0, exact: { max(0, $0) }),
    Function(op: THIMBLE_OP_SIGN, range: -5...5, places: 0, exact: { $0 < 0 ? -1 : $0 > 0 ? 1 : 0 }),
    Function(op: THIMBLE_OP_AFFINE, range: -5...5, p: 0.5, q: 3, places: 1, exact: { 0.5 * $0 + 3 }),
]

@Suite struct VectorFunctionTests {
    @Test func agreeWithBinary64OnEveryFamilyOfProcessors() {
        var random = SeededRandom()
        for one in functions {
            // Over the range, and near 0, whose neighbourhood has as many floats as the rest.
            var x = (0..<3000).map { _ in Float.random(in: one.range, using: &random) }
            x += (0..<1000).map { _ in Float.random(in: -1...1, using: &random) * powf(10, Float.random(in: -37...0, using: &random)) }
            x = x.filter(one.range.contains)
            for family in 0...thimble_processor() {
                let y = ElementwiseProgram.map(one.op, [x], p: one.p, q: one.q, family: family)
                var worst = (error: 0.0, x: Float(0), y: Float(0))
                for (x, y) in zip(x, y) {
                    let exact = one.exact(Double(x)), allowed = max(one.absolute, max(one.places, 1e-9) * Double(Float(exact).ulp))
                    let error = abs(Double(y) - exact) / allowed
                    if !(error <= worst.error) { worst = (error, x, y) }
                }
                #expect(worst.error <= 1.001, "operator \(one.op.rawValue), family \(family), of \(worst.x) \(worst.y), seed \(random.seed)")
            }
        }
    }

    @Test func haveTheResultsThatTheStandardGivesToTheEndsOfTheLine() {
        let infinity = Float.infinity
        let cases: [(thimble_op, [(Float, Float)])] = [
            (THIMBLE_OP_EXP, [(0, 1), (-0.0, 1), (infinity, infinity), (-infinity, 0), (88.8, infinity), (-104.5, 0), (tiny, 1)]),
            (THIMBLE_OP_LOG, [(1, 0), (0, -infinity), (-0.0, -infinity), (infinity, infinity), (-1, .nan), (-infinity, .nan)]),
            (THIMBLE_OP_SIGMOID, [(0, 0.5), (infinity, 1), (-infinity, 0), (tiny, 0.5)]),
            (THIMBLE_OP_TANH, [(0, 0), (-0.0, -0.0), (infinity, 1), (-infinity, -1), (tiny, tiny)]),
            (THIMBLE_OP_ERF, [(0, 0), (-0.0, -0.0), (infinity, 1), (-infinity, -1)]),
            (THIMBLE_OP_SIN, [(0, 0), (-0.0, -0.0), (infinity, .nan), (-infinity, .nan), (tiny, tiny), (3e38, sin(3e38))]),
            (THIMBLE_OP_COS, [(0, 1), (infinity, .nan), (3e38, cos(3e38))]),
            (THIMBLE_OP_RELU, [(infinity, infinity), (-infinity, 0)]),
            (THIMBLE_OP_ROUND, [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, -0.0), (8388609, 8388609), (infinity, infinity)]),
            (THIMBLE_OP_FLOOR, [(-0.5, -1), (-0.0, -0.0), (8388607.5, 8388607), (-infinity, -infinity)]),
            (THIMBLE_OP_CEIL, [(-0.5, -0.0), (0.5, 1), (1e20, 1e20)]),
            (THIMBLE_OP_SOFTPLUS, [(infinity, infinity), (-infinity, 0), (100, 100)]),
            (THIMBLE_OP_SQRT, [(-1, .nan), (infinity, infinity), (-0.0, -0.0)]),
            (THIMBLE_OP_SIGN, [(0, 0), (infinity, 1), (-Float.leastNonzeroMagnitude, -1)]),
        ]
        for (op, pairs) in cases {
            for family in 0...thimble_processor() {
                let y = ElementwiseProgram.map(op, [pairs.map(\.0) + [.nan]], family: family)
                for (pair, y) in zip(pairs + [(.nan, .nan)], y) {
                    let same = pair.1.isNaN ? y.isNaN : pair.1 == y && pair.1.sign == y.sign
                    #expect(same, "operator \(op.rawValue), family \(family), of \(pair.0) \(y)")
                }
            }
        }
    }

    @Test func powersAndRemaindersAreThoseOfC() {
        var random = SeededRandom()
        let special: [Float] = [0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, .infinity, -.infinity, .nan, tiny, -tiny, 3e38, -3e38, 16777215, 16777216]
        var pairs = special.flatMap { a in special.map { (a, $0) } }
        pairs += (0..<3000).map { _ in (exp(Float.random(in: -30...30, using: &random)), Float.random(in: -4...4, using: &random)) }
        pairs += (0..<300).map { _ in (Float.random(in: -1e9...1e9, using: &random), Float.random(in: -30...30, using: &random)) }
        for family in 0...thimble_processor() {
            let powers = ElementwiseProgram.map(THIMBLE_OP_POW, [pairs.map(\.0), pairs.map(\.1)], family: family)
            let rests = ElementwiseProgram.map(THIMBLE_OP_FMOD, [pairs.map(\.0), pairs.map(\.1)], family: family)
            for (i, (a, b)) in pairs.enumerated() {
                let exact = pow(Double(a), Double(b)), power = Float(exact), rest = fmodf(a, b)
                let near = power.isNaN ? powers[i].isNaN : powers[i] == power || abs(Double(powers[i]) - exact) <= Double(power.ulp)
                if near && (power.isNaN || power.sign == powers[i].sign) && (rest.isNaN ? rests[i].isNaN : rests[i] == rest && rests[i].sign == rest.sign) { continue }
                Issue.record("pow(\(a), \(b)) is \(powers[i]), fmod is \(rests[i]), family \(family), seed \(random.seed)")
            }
        }
    }

    @Test func operatorsOfTwoAndThreeTreatNaNAndTruthAsONNXDoes() {
        let a: [Float] = [1, 2, .nan, 0, 3, -0.0], b: [Float] = [2, 1, 0, .nan, 3, 0], c: [Float] = [7, 7, 7, 7, 7, 7]
        let cases: [(thimble_op, [Float])] = [
            (THIMBLE_OP_MIN, [1, 1, .nan, .nan, 3, 0]), (THIMBLE_OP_MAX, [2, 2, .nan, .nan, 3, 0]),
            (THIMBLE_OP_EQUAL, [0, 0, 0, 0, 1, 1]), (THIMBLE_OP_LESS, [1, 0, 0, 0, 0, 0]), (THIMBLE_OP_LESS_OR_EQUAL, [1, 0, 0, 0, 1, 1]),
            (THIMBLE_OP_GREATER, [0, 1, 0, 0, 0, 0]), (THIMBLE_OP_GREATER_OR_EQUAL, [0, 1, 0, 0, 1, 1]),
            (THIMBLE_OP_AND, [1, 1, 0, 0, 1, 0]), (THIMBLE_OP_OR, [1, 1, 1, 1, 1, 0]), (THIMBLE_OP_XOR, [0, 0, 1, 1, 0, 0]),
            (THIMBLE_OP_NOT, [0, 0, 0, 1, 0, 1]), (THIMBLE_OP_IS_NAN, [0, 0, 1, 0, 0, 0]), (THIMBLE_OP_WHERE, [2, 1, 0, 7, 3, 7]),
            (THIMBLE_OP_MULTIPLY_ADD, [9, 9, .nan, .nan, 16, 7]), (THIMBLE_OP_PRELU, [1, 2, .nan, 0, 3, 0]),
        ]
        for (op, expected) in cases {
            for family in 0...thimble_processor() {
                let y = ElementwiseProgram.map(op, [a, b, c], family: family)
                #expect(zip(expected, y).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }, "operator \(op.rawValue), family \(family): \(y)")
            }
        }
    }
}
