import Foundation
import TestSupport
import Testing

/// `convert --activations` from the outside, judged by ONNX Runtime.
@Suite(.enabled(if: Places.hasPython && Places.hasCorpus, "needs the Python of Scripts/test and the corpus of models"))
struct ActivationTests {
    struct Verdict: Decodable {
        /// Of ONNX Runtime's outputs to those of the floats.
        let decibels: Double
        /// Between ONNX Runtime's outputs and ours, the largest difference as a share of the largest value.
        let apart: Double
        let operators: [String]
        let same: Bool
        let opset: Int

        func count(_ name: String) -> Int { operators.count { $0 == name } }
    }

    /// `samples`: the name of a folder of the corpus; without it, images are made.
    private static func judge(_ model: String, _ samples: String?, rows: Int = 4, _ options: String...) throws -> Verdict {
        let work = try TemporaryFolder()
        var calibration = work("calib.npz")
        if let samples {
            let folder = Places.corpus + "/eval/\(samples)"
            calibration = folder + "/calib.npz"
            let script = "import numpy as np, sys; z = np.load(sys.argv[1]); np.savez(sys.argv[2], **{k: z[k][:int(sys.argv[3])] for k in z.files})"
            _ = try Command([Places.python, "-c", script, folder + "/eval.npz", work("few.npz"), "\(rows)"]).run()
        }
        let outcome = try Command.oracle(
            "integer_models.py", Places.thimble, work("."), Places.corpus + "/\(model).onnx", calibration, work("few.npz")
        ).with { $0.arguments += options }.run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        return try JSONDecoder().decode(Verdict.self, from: Data(outcome.output))
    }

    @Test(arguments: ["minmax", "percentile:99.99", "mse", "entropy", "auto"])
    func convolutionsAndProductsBecomeIntegerKernels(range: String) throws {
        let verdict = try Self.judge("eval/cnn-digits", "cnn-digits", "--activation-range", range)
        #expect(verdict.same && verdict.decibels > 28 && verdict.apart < 1e-4, "\(verdict)")
        #expect(verdict.count("QLinearConv") == 4 && verdict.count("QGemm") == 2 && verdict.count("Conv") == 0 && verdict.count("Gemm") == 0)
    }

    @Test func signedCodesWork() throws {
        let signed = try Self.judge("eval/cnn-digits", "cnn-digits", "--signed-activations")
        #expect(signed.same && signed.decibels > 38 && signed.apart < 1e-4, "\(signed)")
    }

    @Test func aPerceptronKeepsItsScores() throws {
        let verdict = try Self.judge("eval/mlp-digits", "mlp-digits")
        #expect(verdict.same && verdict.decibels > 42 && verdict.apart < 1e-4 && verdict.count("QGemm") == 3, "\(verdict)")
    }

    @Test func oldOperatorSetsAreRaised() throws {
        let verdict = try Self.judge("models/super-resolution-10", "super-resolution-10", "--activation-range", "minmax", "--samples", "8")
        #expect(verdict.opset == 13 && verdict.same && verdict.decibels > 36 && verdict.apart < 1e-4, "\(verdict)")
        // Attributes that became inputs, Softmax among them, and shapes computed in the graph.
        let detector = try Self.judge("models/ultraface-rfb-320", "ultraface-rfb-320", "--activation-range", "minmax", "--samples", "8")
        #expect(detector.opset == 13 && detector.decibels > 35 && detector.apart < 1e-4 && detector.count("QLinearConv") >= 40, "\(detector)")
    }

    /// Fifty layers of integers, with sums and averages between them: one code that is rounded otherwise changes many behind it.
    @Test func aDeepNetworkComputesTheSameIntegersAsOnnxRuntime() throws {
        let verdict = try Self.judge("models/mobilenetv2-128-050-tf2onnx", nil, "--activation-range", "minmax")
        #expect(verdict.same && verdict.decibels > 30 && verdict.apart < 1e-4, "\(verdict)")
        #expect(verdict.count("QLinearConv") >= 50 && verdict.count("QLinearAdd") == 10, "\(verdict)")
    }

    /// GELU, sums over an axis and a variance that is the difference of two large numbers stand before the codes.
    @Test func floatsBeforeCodesAreNearEnoughForTheSameCodes() throws {
        let verdict = try Self.judge("models/magika-v3-3", "magika-v3-3", rows: 16)
        #expect(verdict.decibels > 20 && verdict.apart < 1e-4, "\(verdict)")
    }

    @Test func refusesWhatCannotBeBeforeItWorks() throws {
        let work = try TemporaryFolder()
        let model = Places.corpus + "/eval/mlp-digits.onnx", samples = Places.corpus + "/eval/mlp-digits/calib.npz"
        let other = Places.corpus + "/eval/cnn-digits/calib.npz", arrays = work("bad.npz"), empty = work("empty.npz"), double = work("double.npz")
        let script = """
            import numpy as np, sys
            x = np.zeros((8, 64), np.float32); x[5, 3] = np.nan
            np.savez(sys.argv[1], x=x); np.savez(sys.argv[2], x=x[:0]); np.savez(sys.argv[3], x=np.zeros((8, 64)))
            """
        _ = try Command([Places.python, "-c", script, arrays, empty, double]).run()
        for (options, code, words) in [
            (["--activations", "int8"], 64, "--calibrate"), (["--activations", "int4", "--calibrate", samples], 64, "there is int8"),
            (["--activation-range", "mse"], 64, "--activations"), (["--activations", "int8", "--calibrate", samples, "--activation-range", "percentile:3"], 64, "50 to 100"),
            (["--activations", "int8", "--calibrate", samples, "--quantize", "int4"], 64, "int8"),
            (["--activations", "int8", "--calibrate", samples, "--granularity", "group:32"], 64, "channel or tensor"),
            (["--activations", "int8", "--calibrate", samples, "--asymmetric"], 64, "around 0"),
            (["--activations", "int8", "--calibrate", other], 1, "calib.npz"), (["--activations", "int8", "--calibrate", work("none.npz")], 1, "none.npz"),
            (["--activations", "int8", "--calibrate", arrays], 1, "NaN"), (["--activations", "int8", "--calibrate", empty], 1, "empty"),
            (["--activations", "int8", "--calibrate", double], 1, "DOUBLE"), (["--equalize"], 64, "--activations"),
        ] {
            let outcome = try convert(model, work("out.thimble"), options).run()
            #expect(outcome.exitCode == code, "\(outcome)")
            #expect(outcome.errorText.contains(words), "\(outcome)")
            #expect(!Places.exists(work("out.thimble")))
        }
    }

    @Test func reportIsWholeAndTheFloorIsKept() throws {
        let work = try TemporaryFolder()
        let data = Places.corpus + "/eval/cnn-digits"
        let outcome = try convert(
            Places.corpus + "/eval/cnn-digits.onnx", work("out.onnx"),
            ["--activations", "int8", "--calibrate", data + "/calib.npz", "--verify-with", data + "/eval.npz", "--activation-range", "entropy", "--activation-floor", "44", "--json"]
        ).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        let document = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [String: Any])
        let activations = try #require(document["activations"] as? [String: Any])
        #expect(activations["element_type"] as? String == "UINT8" && activations["range"] as? String == "entropy")
        let floats = try #require(activations["float_products"] as? [[String: Any]]), products = try #require(activations["integer_products"] as? Int)
        #expect(!floats.isEmpty && products + floats.count == 6 && floats.allSatisfy { $0["reason"] is String })
        #expect(activations["sqnr_db"] as? Double ?? 0 > 44 && activations["sqnr_db"] as? Double ?? 0 > activations["sqnr_db_before"] as? Double ?? 99)
        for tensor in try #require(activations["tensors"] as? [[String: Any]]) {
            let range = try #require(tensor["range"] as? [Double])
            #expect(range[0] <= 0 && range[1] >= 0 && tensor["scale"] as? Double ?? 0 > 0 && tensor["zero_point"] is Int && tensor["sqnr_db"] is Double)
        }
        #expect(document["fidelity"] is [String: Any])
    }

    @Test func sameOptionsGiveTheSameBytes() throws {
        let work = try TemporaryFolder()
        for (target, threads) in [("a", "1"), ("b", "2")] {
            let options = ["--activations", "int8", "--zlib", "--threads", threads, "--calibrate", Places.corpus + "/eval/cnn-digits/calib.npz"]
            let outcome = try convert(Places.corpus + "/eval/cnn-digits.onnx", work(target + ".thimble"), options).run()
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        #expect(try bytes(of: work("a.thimble")) == bytes(of: work("b.thimble")))
    }
}
