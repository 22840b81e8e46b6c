internal import ArgumentParser
internal import Compression
internal import Tensors
internal import Thimble

/// What `convert` takes about the weights' numbers.
struct QuantizationOptionGroup: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Round the weights: int8, int4, int3, int2 (any width of 2 to 8 bits), fp16, bf16, or entropy[:STEP].",
            discussion: "entropy: unclipped integers for --zlib, the step in standard deviations of a tensor (0.17; 0.03 is about 8 bits, 0.25 about 4).",
            valueName: "form"))
    var quantize: String?

    @Option(
        help: ArgumentHelp(
            "Let convolutions and matrix products compute with integers: int8; takes --calibrate.",
            discussion: "Activations get a scale and a zero point each; weights become int8, biases 32-bit integers.", valueName: "form"))
    var activations: String?

    @Option(
        help: ArgumentHelp(
            "What part of its values an activation's codes span: minmax, percentile[:P], entropy, mse, or auto, which measures all.", valueName: "method"))
    var activationRange: String?

    @Option(
        help: ArgumentHelp(
            "With --activations: give layers back to floats, those that hurt most first, until the outputs have so many decibels.", valueName: "dB"))
    var activationFloor: Double?

    @Flag(help: "With --activations: codes are INT8. Default: UINT8, which ONNX Runtime's kernels on x86 take.")
    var signedActivations = false

    @Flag(inversion: .prefixedNo, help: "With --activations: scale channels before matrix products where that measures better (SmoothQuant).")
    var smooth: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Make channels between convolutions alike (cross-layer equalization). Default: with --activations, where that measures better.")
    var equalize: Bool?

    @Option(help: ArgumentHelp("What shares a scale: tensor, channel or group:N.", valueName: "kind"))
    var granularity = "channel"

    @Option(
        help: ArgumentHelp(
            "How weights are rounded: auto, rtn, mse, hqq or gptq.",
            discussion:
                "auto: each row by the one with the least error, measured at the output of the layer with samples, else in the weights; with zero points where hqq is better than all others without.",
            valueName: "name"))
    var method = "auto"

    @Flag(inversion: .prefixedNo, help: "Give each scale a zero point. Default: where auto measures that it is better, and with hqq.")
    var asymmetric: Bool?

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

    /// Nil without `--quantize` and `--activations`.
    func request(threads: Int) throws -> QuantizationRequest? {
        let activations = try activationOptions(threads: threads)
        guard let quantize = quantize ?? (activations == nil ? nil : "int8") else {
            for (name, isGiven) in [
                ("--calibrate", !calibrate.isEmpty), ("--verify-with", !verifyWith.isEmpty), ("--asymmetric", asymmetric != nil), ("--granularity", granularity != "channel"),
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
            if asymmetric == true { throw ValidationError("--asymmetric does not go with entropy, whose codes have no limits") }
            if ![.auto, .rtn, .gptq].contains(method) { throw ValidationError("entropy is rounded with rtn or gptq") }
        }
        if asymmetric == false, method == .hqq { throw ValidationError("--no-asymmetric does not go with hqq, which is a way to find zero points") }
        if calibrate.count > 1, calibrate.contains("synthetic") { throw ValidationError("'synthetic' samples stand alone") }
        guard damping.map({ $0 > 0 && $0 <= 1000 }) ?? true else { throw ValidationError("the damping is a number above 0, at most 1000") }
        let options = QuantizationOptions(
            scheme: scheme, granularity: granularity, isAsymmetric: asymmetric, method: method, only: only.map(NamePattern.init),
            except: except.map(NamePattern.init), damping: damping, correctsBiases: biasCorrection, threads: threads)
        var request = QuantizationRequest(
            options: options, calibration: calibrate, sampleLimit: samples?.value ?? 64, verification: verifyWith, onnxForm: form, balances: balance,
            activations: activations)
        request.equalizes = activations == nil && equalize == true
        return request
    }

    /// Nil without `--activations`.
    private func activationOptions(threads: Int) throws -> ActivationOptions? {
        guard let activations else {
            for (name, isGiven) in [
                ("--activation-range", activationRange != nil), ("--activation-floor", activationFloor != nil), ("--signed-activations", signedActivations),
                ("--smooth", smooth != nil), ("--equalize", equalize != nil && (quantize == nil || equalize == false)),
            ] where isGiven { throw ValidationError("\(name) goes with --activations") }
            return nil
        }
        guard activations == "int8" else { throw ValidationError("'\(activations)' is nothing that activations can be; there is int8") }
        guard let range = ActivationOptions.Range(activationRange ?? "auto") else {
            throw ValidationError("'\(activationRange ?? "")' is no range; there are minmax, percentile:P with P of 50 to 100, entropy, mse and auto")
        }
        guard !calibrate.isEmpty else {
            throw ValidationError("--activations needs samples to see what values there are: give --calibrate DATA, or --calibrate synthetic to make some up")
        }
        if let quantize, quantize != "int8" { throw ValidationError("--activations goes with weights of int8, not of \(quantize)") }
        if asymmetric == true { throw ValidationError("--asymmetric does not go with --activations: integer products want weights around 0") }
        if method == "hqq" { throw ValidationError("--method hqq does not go with --activations: it gives zero points, and integer products want weights around 0") }
        if granularity.hasPrefix("group") { throw ValidationError("--activations goes with --granularity channel or tensor: sums of a product have one scale") }
        if onnxForm != "dequantize" { throw ValidationError("--onnx-form does not go with --activations, whose weights are made by DequantizeLinear") }
        if let activationFloor, !(0...200).contains(activationFloor) { throw ValidationError("--activation-floor is a number of decibels, 0 to 200") }
        return ActivationOptions(
            elementType: signedActivations ? .int8 : .uint8, range: range, floor: activationFloor, smooths: smooth ?? true, equalizes: equalize, threads: threads)
    }
}
