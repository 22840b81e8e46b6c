internal import ArgumentParser
internal import Tensors
internal import Thimble

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Tell how two models differ: in what they are made of, or, with inputs, in what they compute.",
        discussion: """
            Without inputs: structure, and each tensor's bytes and values.

            With --inputs or --random both run, sample by sample, and each output is compared: signal to noise, cosine, largest error, the \
            same answer. Inputs are those of 'thimble run', and more than one sample: an .npz or .npy with samples stacked along the first \
            axis, a folder of such files, a folder with test_data_set_0, test_data_set_1 …

            Differences are a result, not a failure: the exit code is 0 when both could be compared, and 1 when a limit is missed.

            Examples:
              thimble compare model.onnx model.thimble
              thimble compare model.onnx small.thimble --inputs eval.npz --min-cosine 0.999 --min-top1 99%
              thimble compare model.onnx small.thimble --random --samples 20 --layers
            """)

    @Argument(help: "An .onnx or .thimble file: before.")
    var reference: String

    @Argument(help: "An .onnx or .thimble file: after.")
    var candidate: String

    @OptionGroup var inputs: InputOptions

    @Option(help: "The most samples to take. Default: all there are; 10 random ones.")
    var samples: Count?

    @Option(help: ArgumentHelp("Rows of a stacked array that one sample takes where the model leaves the first axis open. Default: 1.", valueName: "rows|all"))
    var batch: BatchSize?

    @Flag(help: "Compare the values between the nodes, too: where the two part, and which layer hurts.")
    var layers = false

    @Option(help: "Fail if an output's cosine similarity, over all samples, is less.")
    var minCosine: Limit?

    @Option(help: ArgumentHelp("Fail if an output's signal to noise ratio is less.", valueName: "dB"))
    var minSqnr: Limit?

    @Option(help: "Fail if an output's largest error is more.")
    var maxError: Limit?

    @Option(help: "Fail if the largest error over the largest value of the reference's output is more.")
    var maxRelativeError: Limit?

    @Option(help: ArgumentHelp("Fail if the same class or label is given less often.", valueName: "share"))
    var minTop1: Limit?

    @Option(help: "Threads. Default: one per processor.")
    var threads: Count?

    @OptionGroup var runLimits: RunLimitOptions
    @OptionGroup var shared: SharedOptions

    private var limits: FidelityLimits {
        FidelityLimits(
            cosine: minCosine?.value, sqnrDecibels: minSqnr?.value, absoluteError: maxError?.value, relativeError: maxRelativeError?.value, top1: minTop1?.value)
    }

    func validate() throws {
        guard inputs.isEmpty else { return }
        let given = [("--samples", samples != nil), ("--batch", batch != nil), ("--layers", layers), ("a limit", !limits.isEmpty)].first(where: \.1)
        if let given { throw ValidationError("\(given.0) is for a comparison of what models compute; give --inputs or --random") }
    }

    func run() throws {
        Process.limitTime(to: shared.timeout?.value)
        let progress = ProgressLine("comparing")
        if inputs.isEmpty {
            let outcome = Result { try Thimble.compare(reference, candidate, options: shared.open, threads: threads?.value ?? processorCount) }
            progress.end()
            let result = try outcome.get()
            return StandardOutput.write(result.json, or: result.text, asJSON: shared.json)
        }
        let options = SampleOptions(
            inputs: inputs.inputs, isRandom: inputs.random, seed: inputs.seed, dims: inputs.dims, limit: samples?.value, rows: batch.map(\.rows) ?? 1)
        let outcome = Result {
            try Thimble.fidelity(
                reference, candidate,
                options: FidelityOptions(
                    samples: options, comparesLayers: layers, limits: limits, threads: threads?.value ?? processorCount, runLimits: runLimits.limits, open: shared.open))
        }
        progress.end()
        let result = try outcome.get()
        StandardOutput.write(result.json, or: result.text, asJSON: shared.json)
        guard let complaint = result.complaint else { return }
        StandardError.line(complaint)
        throw Outcome.failed
    }
}

/// `8`, or `all`.
struct BatchSize: ExpressibleByArgument {
    /// Nil: all.
    let rows: Int?

    init?(argument: String) {
        rows = Count(argument: argument)?.value
        if rows == nil, argument != "all" { return nil }
    }
}

/// A number like 0.999, 1e-4 or 99.5%, not negative.
struct Limit: ExpressibleByArgument {
    let value: Double

    init?(argument: String) {
        let isPercent = argument.utf8.last == UInt8(ascii: "%"), text = isPercent ? String(argument.dropLast()) : argument
        guard let first = text.utf8.first, (0x30...0x39).contains(first), text.utf8.allSatisfy({ (0x30...0x39).contains($0) || ".e-+".utf8.contains($0) }),
            let value = Double(text), value.isFinite
        else { return nil }
        self.value = isPercent ? value / 100 : value
    }
}
