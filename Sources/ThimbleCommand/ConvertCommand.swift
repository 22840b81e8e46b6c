internal import ArgumentParser
internal import Simplification
internal import Tensors
internal import Thimble

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Convert a model, or a folder of models: without loss, with fewer nodes, or with smaller weights.",
        discussion: """
            Examples:
              thimble convert model.onnx
              thimble convert model.onnx -o small.thimble --zlib
              thimble convert model.thimble -o back.onnx
              thimble convert model.onnx --quantize int8 -o int8.onnx
              thimble convert model.onnx --quantize int4 --granularity group:32 --calibrate samples/ -o int4.thimble
              thimble convert model.onnx --quantize entropy:0.25 --zlib --calibrate calib.npz --verify-with eval.npz
              thimble convert models/ -o converted/ --jobs 4 --resume --report report.json
              thimble convert model.onnx -o simple.onnx --simplify --strip
              thimble convert model.onnx --simplify --skip-pass inline-functions --explain
              thimble convert model.onnx -o attention.onnx --simplify --opset 24

            Passes of --simplify, in the order in which they run:
            \(passList)
            """)

    private static var passList: String {
        simplificationPasses.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n")
    }

    @Argument(help: "An .onnx file, a .thimble file, or a folder of them.")
    var input: String

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "What to write: ends in .thimble or .onnx; a folder for a folder. Default: beside the input, with the other ending.")
    var output: String?

    @Flag(inversion: .prefixedNo, help: "Compress the weights of a .thimble.")
    var zlib = false

    @Flag(help: "Leave the metadata of a .thimble uncompressed, for devices that read it in place.")
    var plainMetadata = false

    @Flag(help: "Put the weights of an .onnx into a data file beside it; beyond 2 GB that happens by itself.")
    var externalData = false

    @Flag(name: [.customShort("f"), .customLong("force")], help: "Replace an existing output.")
    var force = false

    @Option(help: "Threads for one file. Default: one per processor.")
    var threads: Count?

    @Option(help: ArgumentHelp("Of a folder: what every model becomes, onnx or thimble.", valueName: "kind"))
    var to: FileKind?

    @Option(help: "Of a folder: files at the same time. Default: one per processor.")
    var jobs: Count?

    @Flag(help: "Of a folder: skip what is finished and unchanged, judged by content; make the rest again.")
    var resume = false

    @Flag(help: "Of a folder: go on after a file that failed (always so).")
    var keepGoing = false

    @Option(help: ArgumentHelp("Of a folder: write a report as JSON, one entry per file.", valueName: "file"))
    var report: String?

    @Flag(help: "Simplify the graph: it computes the same with fewer nodes and bytes.")
    var simplify = false

    @Flag(help: "Drop text that no runtime needs: doc strings, stack traces, types and names of inner values, names of nodes.")
    var strip = false

    @Option(help: ArgumentHelp("Simplify with these passes only, separated by commas.", valueName: "names"))
    var passes: String?

    @Option(help: ArgumentHelp("Simplify without this pass; may be given again.", valueName: "name"))
    var skipPass: [String] = []

    @Flag(help: "Simplify with initializers that are inputs too as constants; they are no inputs afterwards.")
    var freezeDefaults = false

    @Option(help: ArgumentHelp("Simplify with this version of the default operator set, if the model means the same in it: later ones have more operators to recognise.", valueName: "version"))
    var opset: Count?

    @Flag(help: "Print what each pass did.")
    var explain = false

    @OptionGroup(title: "Quantization") var quantization: QuantizationOptionGroup

    @OptionGroup var shared: SharedOptions

    func validate() throws {
        for name in (simplification?.passes ?? []) + skipPass where !simplificationPasses.contains(where: { $0.name == name }) {
            throw ValidationError("There is no pass '\(printable(name))'; --help lists them")
        }
        if explain, simplification == nil { throw ValidationError("--explain tells what --simplify did, which is not asked for") }
        _ = try quantization.request(threads: 1)
        if Thimble.isFolder(input) {
            guard let output, !output.isEmpty else { throw ValidationError("A folder needs -o FOLDER for what is made of it") }
            return
        }
        if let output, FileKind(ending: output) == nil {
            throw ValidationError("The output '\(printable(output))' ends in neither .thimble nor .onnx")
        }
        for (name, isGiven) in [("--report", report != nil), ("--resume", resume), ("--to", to != nil)] where isGiven {
            throw ValidationError("\(name) is for folders, and '\(printable(input))' is none")
        }
    }

    func run() throws {
        Process.limitTime(to: shared.timeout?.value)
        if let output, Thimble.isFolder(input) { try convertFolder(to: output) } else { try convertFile() }
    }

    /// Naming passes asks for it too.
    private var simplification: SimplificationOptions? {
        guard simplify || passes != nil || !skipPass.isEmpty || freezeDefaults || opset != nil else { return nil }
        return SimplificationOptions(
            passes: passes?.split(separator: ",").map(String.init), skipping: skipPass, freezesDefaults: freezeDefaults,
            opset: opset.map { Int64($0.value) })
    }

    private func options(_ progress: ProgressLine) throws -> ConversionOptions {
        var options = ConversionOptions(
            zlib: zlib, plainMetadata: plainMetadata, externalData: externalData, replacing: force, open: shared.open,
            threads: threads?.value ?? processorCount, simplification: simplification, strips: strip)
        options.quantization = try quantization.request(threads: options.threads)
        options.progress = { progress.update($0) }
        return options
    }

    private func convertFile() throws {
        let progress = ProgressLine("converting \(printable(input))")
        let result = Result { try Thimble.convert(input, to: output, options: options(progress)) }
        progress.end()
        let done = try result.get()
        for warning in done.warnings.prefix(20) { StandardError.line("\(printable(input)): \(warning) (warning)") }
        if done.warnings.count > 20 { StandardError.line("\(printable(input)): \(done.warnings.count - 20) more warnings; 'thimble verify' lists them") }
        StandardOutput.write(done.json, or: done.text + (explain ? done.simplification?.explanation ?? "" : ""), asJSON: shared.json)
    }

    private func convertFolder(to output: String) throws {
        let progress = ProgressLine("converting \(printable(input))")
        let isJSON = shared.json
        let result = Result {
            try Thimble.convertFolder(
                input, to: output,
                options: BatchOptions(
                    conversion: options(progress), target: to, jobs: jobs?.value ?? processorCount, resumes: resume, reportPath: report)
            ) { entry, state in
                if entry.status == .failed, let message = entry.message { StandardError.line(message) }
                if !isJSON { StandardOutput.write(entry.text) }
                let failed = state.count(.failed)
                progress.update("\(state.entries.count) of \(state.planned) files" + (failed > 0 ? ", \(failed) failed" : ""))
            }
        }
        progress.end()
        let done = try result.get()
        StandardOutput.write(done.json, or: done.summary, asJSON: shared.json)
        if !done.failures.isEmpty { throw Outcome.someFailed }
    }
}
