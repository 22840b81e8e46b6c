import Foundation
import TestSupport
import Testing

/// Damaged `.thimble` files through the whole binary. The library's own tests try every byte; here a sample of them meets every command.
struct DamagedThimbleTests {
    @Test(arguments: [[], ["--zlib"], ["--plain-metadata"]])
    func isRefusedOrEqual(options: [String]) throws {
        let work = try TemporaryFolder()
        try #require(try convert(Places.testModels + "/everything.onnx", work("good.thimble"), options).run().exitCode == 0)
        try #require(try convert(work("good.thimble"), work("good.onnx")).run().exitCode == 0)
        let good = try bytes(of: work("good.thimble")), expected = try bytes(of: work("good.onnx"))
        var random = SeededRandom(), problems: [String] = [], refused = 0
        for round in 0..<120 {
            var damaged = good
            let at = round < 20 ? round * 4 : Int.random(in: 0..<good.count, using: &random)
            switch round % 4 {
            case 0: damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: damaged[at] = damaged[at] == 0xff ? 0 : 0xff
            case 2: damaged.removeSubrange(at...)
            default: damaged.append(contentsOf: random.bytes(1 + at % 64))
            }
            try write(damaged, to: work("bad.thimble"))
            let verified = try Command.thimble("verify", work("bad.thimble")).run()
            let back = try convert(work("bad.thimble"), work("back.onnx"), ["--force"]).run()
            let inspected = try Command.thimble("inspect", work("bad.thimble"), "--nodes", "--tensors").run()
            problems += [verified, back, inspected].flatMap { Checks.ending($0) + Checks.tame($0) }
            if verified.exitCode == 0 { problems.append("round \(round), byte \(at): verify accepts a damaged file") } else { refused += 1 }
            if back.exitCode == 0, try bytes(of: work("back.onnx")) != expected { problems.append("round \(round), byte \(at): another model came back") }
            if back.exitCode == 1 { problems += Checks.refusal(back, naming: "bad.thimble") }
        }
        #expect(problems.isEmpty, "seed \(random.seed); \(Checks.report(problems))")
        #expect(refused == 120)
    }
}
