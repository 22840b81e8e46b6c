import Foundation
import TestSupport
import Testing

/// Inputs that would cost memory or time out of proportion.
struct BombTests {
    /// The whole bad corpus in little address space: a Swift process that cannot allocate aborts, so nothing may try.
    @Test(.enabled(if: Places.hasCorpus, "../shared/corpus is not here"), arguments: ["convert", "inspect", "verify"])
    func staysWithinAnAddressSpace(command: String) throws {
        let work = try TemporaryFolder()
        var problems: [String] = []
        let hostile = ["sparse-bomb", "tensor-huge-no-data", "tensor-rank-10000", "tensor-dims-4m-packed", "many-500k-empty-initializers", "many-500k-empty-nodes",
            "name-1mb", "len-2gib", "deep-if-10000", "deep-type-10000", "wire-group-depth-100k", "func-billion-laughs", "fold-bomb-constantofshape",
            "fold-bomb-range", "fold-bomb-tile", "fold-bomb-loop", "graph-reshape-overflow", "doc-string-bomb", "many-20k-long-names"]
        for name in hostile {
            let input = "\(Places.corpus)/bad/\(name).onnx", target = work(name + ".thimble")
            let run = command == "convert" ? convert(input, target) : Command.thimble(command, input)
            let outcome = try run.with { $0.addressSpaceMegabytes = 768; $0.patience = 20 }.run()
            problems += Checks.ending(outcome).map { "\(name): \($0)" }
        }
        #expect(problems.isEmpty, "\(Checks.report(problems))")
    }

    /// What a small file may ask for when it runs: functions that call each other without end in sight are refused before anything runs.
    @Test(.enabled(if: Places.hasCorpus, "../shared/corpus is not here"), arguments: [
        ("func-billion-laughs", "--max-trips"), ("fold-bomb-loop", "--max-trips"), ("fold-bomb-constantofshape", "--max-tensor"), ("fold-bomb-tile", "--max-tensor"),
    ])
    func runsWithinLimits(name: String, option: String) throws {
        let outcome = try Command.thimble("run", "\(Places.corpus)/bad/\(name).onnx", "--random", "--max-trips", "20000", "--max-tensor", "1000000")
            .with { $0.patience = 20 }.run()
        #expect(outcome.exitCode == 1 && outcome.errorText.contains(option), "\(outcome)")
    }

    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"))
    func decodesNoMoreThanAllowed() throws {
        let work = try TemporaryFolder()
        // Zeros compress a thousandfold.
        let made = try Command([Places.python, "-c", """
            import sys, numpy as np, onnx
            from onnx import helper as h, numpy_helper
            w = numpy_helper.from_array(np.zeros(4 << 20, np.float32), "w")
            v = lambda n: h.make_tensor_value_info(n, 1, [4 << 20])
            m = h.make_model(h.make_graph([h.make_node("Add", ["x", "w"], ["y"])], "g", [v("x")], [v("y")], [w]), opset_imports=[h.make_opsetid("", 17)])
            open(sys.argv[1], "wb").write(m.SerializeToString())
            """, work("m.onnx")]).run()
        try #require(made.exitCode == 0, "\(made)")
        let packed = try convert(work("m.onnx"), work("m.thimble"), ["--zlib"]).run()
        #expect(packed.exitCode == 0, "\(packed)")
        #expect(try bytes(of: work("m.thimble")).count < 100_000)
        let refused = try convert(work("m.thimble"), work("back.onnx"), ["--max-decoded", "1000000"]).run()
        #expect(refused.exitCode == 1 && refused.errorText.contains("--max-decoded"), "\(refused)")
        #expect(!Places.exists(work("back.onnx")))
        // Decoding is streamed: the memory does not hold the 16 MB at once in any great multiple.
        let back = try convert(work("m.thimble"), work("back.onnx")).run()
        #expect(back.exitCode == 0, "\(back)")
        #expect(try bytes(of: work("back.onnx")) == bytes(of: work("m.onnx")))
    }

    /// Twice the input, about twice the time: no pass may be quadratic. Processor time, the best of three.
    @Test(.enabled(if: Places.hasPython, "Scripts/test makes the Python environment"),
        arguments: ["chain", "fanout", "initializers", "metadata", "functions", "attributes", "opsets"])
    func growsInProportion(kind: String) throws {
        let work = try TemporaryFolder()
        let counts = ["functions", "opsets"].contains(kind) ? [5_000, 20_000] : [15_000, 60_000]
        var seconds: [Double] = []
        for count in counts {
            let model = work("\(count).onnx")
            let made = try Command.oracle("make_cases.py", "scale", model, kind, String(count)).run()
            try #require(made.exitCode == 0, "\(made)")
            let times = try (0..<3).map { _ in
                let outcomes = try [convert(model, work("m.thimble"), ["--force"]), .thimble("inspect", work("m.thimble")), .thimble("verify", model)].map {
                    try $0.with { $0.patience = 60 }.run()
                }
                #expect(outcomes.allSatisfy { Checks.ending($0).isEmpty }, "\(outcomes)")
                #expect(outcomes[0].exitCode == 0, "\(outcomes[0])")
                return outcomes.map(\.cpuSeconds).reduce(0, +)
            }
            seconds.append(times.min() ?? 0)
        }
        // Four times the input. Quadratic would be 16; 30 ms are the processes themselves.
        #expect(seconds[1] < 9 * (seconds[0] + 0.03), "\(counts[0]): \(seconds[0]) s, \(counts[1]): \(seconds[1]) s")
    }
}
