internal import ArgumentParser
internal import Thimble

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Tell how two models differ: structure, and each tensor's bytes and values.",
        discussion: """
            Differences are a result, not a failure: the exit code is 0 when both could be compared.

            Examples:
              thimble compare model.onnx model.thimble
              thimble compare before.onnx after.onnx --json
            """)

    @Argument(help: "An .onnx or .thimble file: before.")
    var reference: String

    @Argument(help: "An .onnx or .thimble file: after.")
    var candidate: String

    @OptionGroup var shared: SharedOptions

    func run() throws {
        Process.limitTime(to: shared.timeout?.value)
        let progress = ProgressLine("comparing")
        let outcome = Result { try Thimble.compare(reference, candidate, options: shared.open) }
        progress.end()
        let result = try outcome.get()
        if shared.json { StandardOutput.write(result.json) } else { StandardOutput.write(result.text) }
    }
}
