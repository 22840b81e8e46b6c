internal import ArgumentParser
internal import Tensors
internal import Thimble

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a model on the CPU, and measure how long that takes.",
        discussion: """
            Inputs come from files: an .npz with arrays named as the inputs, a folder with input_0.pb, input_1.pb … (ONNX's test data), \
            NAME=FILE with an .npy or .pb, or such a file alone where the model has one input. With --random, inputs that are not given get \
            random values.

            Examples:
              thimble run model.onnx --inputs batch.npz -o outputs.npz
              thimble run model.thimble --inputs image=cat.npy --json
              thimble run model.onnx --random --seed 1 --dim batch=8 --benchmark
            """)

    @Argument(help: "An .onnx or .thimble file.")
    var file: String

    @OptionGroup var inputs: InputOptions

    @Option(name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("Write the outputs.", valueName: "npz"))
    var output: String?

    @Flag(name: [.customShort("f"), .customLong("force")], help: "Replace an existing output.")
    var force = false

    @Flag(help: "Run many times: minimum, median, p95, and what share each operator took.")
    var benchmark = false

    @Option(help: "Runs to measure. Default: as many as two seconds take.")
    var runs: Count?

    @Option(help: "Threads. Default: one per processor.")
    var threads: Count?

    @OptionGroup var runLimits: RunLimitOptions
    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if let output, !output.hasSuffix(".npz") { throw ValidationError("The output '\(printable(output))' does not end in .npz") }
        if runs != nil, !benchmark { throw ValidationError("--runs is for --benchmark") }
    }

    func run() throws {
        Process.limitTime(to: shared.timeout?.value)
        let progress = ProgressLine("running \(printable(file))")
        let result = Result {
            try Thimble.run(
                file,
                options: RunOptions(
                    inputs: inputs.inputs, isRandom: inputs.random, seed: inputs.seed, dims: inputs.dims, output: output, replacing: force, measures: benchmark,
                    runs: runs?.value, threads: threads?.value ?? processorCount, limits: runLimits.limits, open: shared.open))
        }
        progress.end()
        let done = try result.get()
        StandardOutput.write(done.json, or: done.text, asJSON: shared.json)
    }
}
