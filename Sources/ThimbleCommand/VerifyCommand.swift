internal import ArgumentParser
internal import Thimble

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a model wholly, and prove that it is what it was made from.",
        discussion: """
            A .thimble: structure, every checksum, that every value decodes. An .onnx: the specification. Each finding tells its
            place; the exit code is 0 if there are no errors and 1 otherwise.

            Examples:
              thimble verify model.thimble
              thimble verify model.thimble --source model.onnx
              thimble verify model.onnx --json
            """)

    @Argument(help: "An .onnx or .thimble file.")
    var file: String

    @Option(help: ArgumentHelp("Prove that the model equals this .onnx, and whether it converts back byte for byte.", valueName: "original"))
    var source: String?

    @OptionGroup var shared: SharedOptions

    func run() throws {
        Process.limitTime(to: shared.timeout?.value)
        let progress = ProgressLine("verifying")
        let outcome = Result { try Thimble.verify(file, source: source, options: shared.open) }
        progress.end()
        let result = try outcome.get()
        StandardOutput.write(result.json, or: result.text, asJSON: shared.json)
        guard let complaint = result.complaint else { return }
        StandardError.line(complaint)
        throw Outcome.failed
    }
}
