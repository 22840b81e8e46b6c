internal import ArgumentParser
internal import Compression
internal import Thimble

/// What `convert` takes about the weights' numbers.
struct QuantizationOptionGroup: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Round the weights: int8, int4, int3, int2 (any width of 2 to 8 bits), fp16, bf16, or entropy[:STEP].",
            discussion: "entropy: unclipped integers for --zlib, the step in standard deviations of a tensor (0.17; 0.03 is about 8 bits, 0.25 about 4).",
            valueName: "form"))
    var quantize: String?

    @Option(help: ArgumentHelp("What shares a scale: tensor, channel or group:N.", valueName: "kind"))
    var granularity = "channel"

    @Option(help: ArgumentHelp("How weights are rounded: auto, rtn, mse, hqq or gptq.", valueName: "name"))
    var method = "auto"

    @Flag(help: "Give each scale a zero point.")
    var asymmetric = false

    @Option(help: ArgumentHelp("Quantize only tensors whose names match; * stands for anything. May be given often.", valueName: "pattern"))
    var only: [String] = []

    @Option(help: ArgumentHelp("But not those whose names match.", valueName: "pattern"))
    var except: [String] = []

    @Option(help: ArgumentHelp("Sample inputs: .npz, .npy, a folder of them, a data set; or 'synthetic'.", valueName: "data"))
    var calibrate: [String] = []

    @Option(help: ArgumentHelp("The most samples to calibrate with.", valueName: "count"))
    var samples: Count?

    @Option(help: ArgumentHelp("Measure the result on these samples, given as for --calibrate.", valueName: "data"))
    var verifyWith: [String] = []

    @Option(help: ArgumentHelp("In an .onnx, quantized weights are made by: dequantize, nbits or float.", valueName: "form"))
    var onnxForm = "dequantize"

    @Flag(inversion: .prefixedNo, help: ArgumentHelp("Steps of entropy differ between tensors by how much they matter.", visibility: .hidden))
    var balance = true

    @Flag(inversion: .prefixedNo, help: ArgumentHelp("Correct biases for what rounding did to a mean.", visibility: .hidden))
    var biasCorrection = true

    @Option(
        help: ArgumentHelp(
            "What gptq adds to the diagonal of the input statistics, in parts of its mean; if not given, what is best on samples held out.",
            valueName: "number", visibility: .hidden))
    var damping: Double?

    /// Nil without `--quantize`.
    func request(threads: Int) throws -> QuantizationRequest? {
        guard let quantize else {
            for (name, isGiven) in [
                ("--calibrate", !calibrate.isEmpty), ("--verify-with", !verifyWith.isEmpty), ("--asymmetric", asymmetric), ("--granularity", granularity != "channel"),
                ("--method", method != "auto"), ("--only", !only.isEmpty), ("--except", !except.isEmpty), ("--onnx-form", onnxForm != "dequantize"),
            ] where isGiven { throw ValidationError("\(name) goes with --quantize") }
            return nil
        }
        guard let scheme = QuantizationOptions.Scheme(quantize) else {
            throw ValidationError("'\(quantize)' is nothing to quantize to; there are int2 to int8, fp16, bf16, and entropy:STEP with a step of 0.0005 to 10")
        }
        guard let granularity = QuantizationOptions.Granularity(granularity) else {
            throw ValidationError("'\(granularity)' is no granularity; there are tensor, channel and group:N with N of 2 or more")
        }
        guard let method = QuantizationOptions.Method(rawValue: method) else {
            throw ValidationError("'\(method)' is no method; there are \(QuantizationOptions.Method.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard let form = QuantizationRequest.OnnxForm(rawValue: onnxForm) else {
            throw ValidationError("'\(onnxForm)' is no form; there are \(QuantizationRequest.OnnxForm.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if case .entropy = scheme {
            if asymmetric { throw ValidationError("--asymmetric does not go with entropy, whose codes have no limits") }
            if ![.auto, .rtn, .gptq].contains(method) { throw ValidationError("entropy is rounded with rtn or gptq") }
        }
        if calibrate.count > 1, calibrate.contains("synthetic") { throw ValidationError("'synthetic' samples stand alone") }
        guard damping.map({ $0 > 0 && $0 <= 1000 }) ?? true else { throw ValidationError("the damping is a number above 0, at most 1000") }
        let options = QuantizationOptions(
            scheme: scheme, granularity: granularity, isAsymmetric: asymmetric, method: method, only: only.map(NamePattern.init),
            except: except.map(NamePattern.init), damping: damping, correctsBiases: biasCorrection, threads: threads)
        return QuantizationRequest(
            options: options, calibration: calibrate, sampleLimit: samples?.value ?? 64, verification: verifyWith, onnxForm: form, balances: balance)
    }
}
