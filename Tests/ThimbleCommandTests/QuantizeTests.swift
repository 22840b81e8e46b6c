import Foundation
import TestSupport
import Testing

/// `convert --quantize` from the outside, judged by ONNX Runtime.
@Suite(.enabled(if: Places.hasPython && Places.hasCorpus, "needs the Python of Scripts/test and the corpus of models"))
struct QuantizeTests {
    struct Verdict: Decodable {
        let worst: Double
        /// The same of our run of the .onnx, where nodes make the weights.
        let nodes: Double
        /// Outputs that differ when the .thimble is compressed.
        let packed: Int
        let weights: Int
        let different: Int
        let opset: Int
    }

    struct Case: CustomTestStringConvertible {
        let model: String
        let sample: String
        let options: [String]
        let weights: Int
        /// What the export's operator set must be.
        let opset: Int
        var testDescription: String { "\(model) \(options.joined(separator: " "))" }
    }

    /// Old operator sets that can be raised and that cannot, every form of scales, products, convolutions, tables.
    static let cases = [
        Case(model: "models/super-resolution-10", sample: "super-resolution-10", options: ["--quantize", "int8"], weights: 4, opset: 13),
        Case(model: "models/super-resolution-10", sample: "super-resolution-10", options: ["--quantize", "int4", "--granularity", "group:32", "--method", "mse"], weights: 4, opset: 21),
        Case(model: "models/super-resolution-10", sample: "super-resolution-10", options: ["--quantize", "int3", "--granularity", "tensor", "--asymmetric"], weights: 4, opset: 21),
        Case(model: "models/super-resolution-10", sample: "super-resolution-10", options: ["--quantize", "entropy:0.2", "--method", "rtn"], weights: 4, opset: 13),
        Case(model: "eval/mlp-digits", sample: "mlp-digits", options: ["--quantize", "int8", "--asymmetric"], weights: 3, opset: 0),
        Case(model: "eval/mlp-digits", sample: "mlp-digits", options: ["--quantize", "int4", "--granularity", "group:32", "--method", "mse", "--onnx-form", "nbits"], weights: 0, opset: 0),
        Case(model: "eval/cnn-digits", sample: "cnn-digits", options: ["--quantize", "int5", "--method", "gptq", "--calibrate", Places.corpus + "/eval/cnn-digits/calib.npz"], weights: 4, opset: 0),
        Case(model: "models/ultraface-rfb-320", sample: "ultraface-rfb-320", options: ["--quantize", "int8", "--method", "rtn"], weights: 20, opset: 0),
    ]

    @Test(arguments: cases)
    func bothContainersComputeTheSame(each: Case) throws {
        let work = try TemporaryFolder()
        let rows = "import numpy as np, sys; z = np.load(sys.argv[1]); np.savez(sys.argv[2], **{k: z[k][:1] for k in z.files})"
        _ = try Command([Places.python, "-c", rows, Places.corpus + "/eval/\(each.sample)/eval.npz", work("one.npz")]).run()
        let outcome = try Command([
            Places.python, Places.oracles + "/quantized_models.py", Places.thimble, work("."), Places.corpus + "/\(each.model).onnx", work("one.npz"),
        ] + each.options).with { $0.patience = 300 }.run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let verdict = try JSONDecoder().decode(Verdict.self, from: Data(outcome.output))
        #expect(verdict.worst < 1e-4)
        #expect(verdict.nodes < 1e-4)
        #expect(verdict.packed == 0)
        #expect(verdict.different == 0)
        #expect(verdict.weights >= each.weights)
        if each.opset > 0 { #expect(verdict.opset == each.opset) }
    }

    /// A table and a product behind it, with groups that do not divide 48, and rows with one scale.
    @Test(arguments: [
        ["--quantize", "int4", "--granularity", "group:32", "--method", "mse"], ["--quantize", "int4", "--granularity", "group:16", "--method", "hqq"],
        ["--quantize", "int8", "--granularity", "group:32", "--asymmetric"], ["--quantize", "int8"], ["--quantize", "int2", "--method", "mse"],
    ])
    func lookupsAreThoseOfONNXRuntime(options: [String]) throws {
        let work = try TemporaryFolder()
        let made = try Command([Places.python, "-c", """
            import numpy as np, onnx, sys
            from onnx import TensorProto as T, helper as h, numpy_helper as nh
            rng = np.random.default_rng(1)
            f = lambda name, *shape: nh.from_array(rng.normal(size=shape).astype(np.float32), name)
            v = lambda name, type, *shape: h.make_tensor_value_info(name, type, shape)
            nodes = [h.make_node("Gather", ["table", "ids"], ["x"]), h.make_node("MatMul", ["x", "w"], ["y"])]
            graph = h.make_graph(nodes, "g", [v("ids", T.INT64, 2, 9)], [v("y", T.FLOAT, 2, 9, 24)], [f("table", 200, 48), f("w", 48, 24)])
            onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 21)], ir_version=10), sys.argv[1])
            np.savez(sys.argv[2], ids=rng.integers(-200, 200, (2, 9)))
            """, work("m.onnx"), work("in.npz")]).run()
        try #require(made.exitCode == 0, "\(made)")
        let outcome = try Command([
            Places.python, Places.oracles + "/quantized_models.py", Places.thimble, work("."), work("m.onnx"), work("in.npz"), "--onnx-form", "nbits",
        ] + options).run()
        try #require(outcome.exitCode == 0, "\(outcome)")
        let verdict = try JSONDecoder().decode(Verdict.self, from: Data(outcome.output))
        #expect(verdict.worst < 1e-4)
        #expect(verdict.nodes < 1e-4)
        #expect(verdict.packed == 0)
        let export = try convert(work("m.onnx"), work("out.onnx"), ["--onnx-form", "nbits", "--force"] + options).run()
        #expect(export.exitCode == 0, "\(export)")
        #expect(export.text.contains("1 lookups are GatherBlockQuantized"), "\(export)")
    }

    @Test func refusesWhatCannotBeBeforeItWorks() throws {
        let work = try TemporaryFolder()
        let model = Places.corpus + "/eval/mlp-digits.onnx", samples = Places.corpus + "/eval/cnn-digits/calib.npz"
        for (options, code, words) in [
            (["--quantize", "int9"], 64, "int2 to int8"), (["--quantize", "entropy:nan"], 64, "0.0005"), (["--granularity", "group:32"], 64, "--quantize"),
            (["--quantize", "int8", "--only", "nothing*"], 1, "no weight matches"), (["--quantize", "int4", "--calibrate", samples], 1, "calib.npz"),
            (["--quantize", "int8", "--except", "*"], 1, "nothing was quantized"), (["--quantize", "int4", "--calibrate", work("none.npz")], 1, "none.npz"),
        ] {
            let outcome = try convert(model, work("out.thimble"), options).run()
            #expect(outcome.exitCode == code, "\(outcome)")
            #expect(outcome.errorText.contains(words), "\(outcome)")
            #expect(!Places.exists(work("out.thimble")))
        }
    }

    @Test func reportIsWhole() throws {
        let work = try TemporaryFolder()
        let evaluation = Places.corpus + "/eval/mlp-digits"
        let outcome = try convert(
            Places.corpus + "/eval/mlp-digits.onnx", work("out.thimble"),
            ["--quantize", "entropy:0.25", "--zlib", "--calibrate", evaluation + "/calib.npz", "--verify-with", evaluation + "/eval.npz", "--json"]
        ).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        let document = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [String: Any])
        let quantization = try #require(document["quantization"] as? [String: Any])
        let tensors = try #require(quantization["tensors"] as? [[String: Any]])
        #expect(tensors.contains { $0["scheme"] as? String == "entropy:0.25" && $0["method"] as? String == "gptq" })
        #expect(tensors.allSatisfy { $0["scheme"] is String || $0["reason"] is String })
        let outputs = try #require((document["fidelity"] as? [String: Any])?["outputs"] as? [[String: Any]])
        #expect((outputs.first?["sqnr_db"] as? Double ?? 0) > 37)
    }

    @Test func sameOptionsGiveTheSameBytes() throws {
        let work = try TemporaryFolder()
        for (target, threads) in [("a", "1"), ("b", "2")] {
            let options = ["--quantize", "int4", "--zlib", "--threads", threads, "--calibrate", Places.corpus + "/eval/cnn-digits/calib.npz"]
            let outcome = try convert(Places.corpus + "/eval/cnn-digits.onnx", work(target + ".thimble"), options).run()
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        #expect(try bytes(of: work("a.thimble")) == bytes(of: work("b.thimble")))
    }

    @Test func collapseIsALoudWarning() throws {
        let work = try TemporaryFolder()
        let outcome = try convert(
            Places.corpus + "/eval/cnn-digits.onnx", work("out.thimble"),
            ["--quantize", "entropy:6", "--no-balance", "--method", "rtn", "--verify-with", Places.corpus + "/eval/cnn-digits/eval.npz"]
        ).run()
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(outcome.errorText.contains("FAR FROM THE ORIGINAL"))
    }
}
