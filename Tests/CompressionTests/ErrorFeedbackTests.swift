import Foundation
import TestSupport
import Testing

@testable import Compression
@testable import Tensors
import CCompression

/// Rounding with feedback against GPTQ as its paper has it, in NumPy and binary64.
@Suite(.enabled(if: Places.hasPython, "needs the Python of Scripts/test"))
struct ErrorFeedbackTests {
    private func save(_ values: [Float], _ dims: [Int], to path: String) throws {
        let shape = dims.map { "\($0)," }.joined()
        var header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (\(shape)), }".utf8)
        while (10 + header.count + 1) % 64 != 0 { header.append(0x20) }
        header.append(0x0a)
        let start: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count & 255), UInt8(header.count >> 8)]
        try write(start + header + values.flatMap { littleEndianBytes($0.bitPattern) }, to: path)
    }

    @Test(arguments: [16, 97, 200])
    func roundsAsGPTQDoes(n: Int) throws {
        var random = SeededRandom(seed: UInt64(n))
        func normal() -> Float { (0..<6).reduce(Float(-3)) { sum, _ in sum + Float.random(in: 0..<1, using: &random) } }
        let sums = MomentSums(count: n), mix = (0..<n * n).map { _ in normal() / Float(n).squareRoot() }
        for _ in 0..<4 * n {
            let z = (0..<n).map { _ in normal() }
            let x = (0..<n).map { i in (0..<n).reduce(z[i]) { $0 + mix[i * n + $1] * z[$1] * 2 } }
            x.withUnsafeBufferPointer { sums.add($0) }
        }
        let moments = try #require(sums.moments(heldOut: nil))
        let lanes = Int(THIMBLE_LANES), w = (0..<lanes * n).map { _ in normal() }, step: Float = 0.25
        let feedback = try moments.feedback(ordersColumns: true, damping: 0.01)
        var x = [Float](repeating: 0, count: n * lanes), error = x, codes = [Int16](repeating: 0, count: n * lanes)
        for (k, column) in feedback.order.enumerated() { for lane in 0..<lanes { x[k * lanes + lane] = w[lane * n + column] } }
        let loss = thimble_round_with_feedback(
            n, feedback.factors, feedback.pivots, x, [UInt32](repeating: 0, count: n), [Float](repeating: step, count: lanes),
            [Float](repeating: 0, count: lanes), -1000, 1000, true, &error, &codes)
        let plain = thimble_round_with_feedback(
            n, feedback.factors, feedback.pivots, x, [UInt32](repeating: 0, count: n), [Float](repeating: step, count: lanes),
            [Float](repeating: 0, count: lanes), -1000, 1000, false, &error, &codes)
        #expect(loss < plain)
        _ = thimble_round_with_feedback(
            n, feedback.factors, feedback.pivots, x, [UInt32](repeating: 0, count: n), [Float](repeating: step, count: lanes),
            [Float](repeating: 0, count: lanes), -1000, 1000, true, &error, &codes)

        let work = try TemporaryFolder()
        try save(w, [lanes, n], to: work("w.npy"))
        try save(moments.second, [n, n], to: work("h.npy"))
        try save([step], [1], to: work("step.npy"))
        let outcome = try Command.oracle("error_feedback.py", work(".")).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let answer = try bytes(of: work("codes.npy")), begin = answer.count - lanes * n * 4
        var different = 0
        for (k, column) in feedback.order.enumerated() {
            for lane in 0..<lanes {
                let at = begin + (lane * n + column) * 4
                let expected = (0..<4).reduce(UInt32(0)) { $0 | UInt32(answer[at + $1]) << (8 * $1) }
                if Int32(bitPattern: expected) != Int32(codes[k * lanes + lane]) { different += 1 }
            }
        }
        // A value that lies between two codes may go either way in binary32, and its error then moves others of its row.
        #expect(Double(different) < 0.02 * Double(lanes * n), "\(different) of \(lanes * n)")
    }
}
