internal import ArgumentParser
internal import Tensors
internal import Thimble

/// Reads the command line, calls the library and prints. Exit codes: 0 done, 1 could not be done, 2 a batch ended and some files
/// failed, 64 the command line is wrong; nothing else, whatever the input.
@main
struct ThimbleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thimble",
        abstract: "Converts ONNX models to .thimble and back, without loss, and looks inside both.",
        discussion: """
            thimble convert model.onnx                     writes model.thimble beside it
            thimble convert model.thimble -o back.onnx     gives the model back
            thimble inspect model.thimble                  shows what is in it
            thimble verify model.thimble                   checks every byte
            thimble run model.thimble --random             runs it
            """,
        version: "thimble \(Thimble.version)",
        subcommands: [ConvertCommand.self, InspectCommand.self, VerifyCommand.self, CompareCommand.self, RunCommand.self, OperatorsCommand.self])

    static func main() {
        Process.prepare()
        do {
            var command = try parseAsRoot()
            if command is ThimbleCommand { throw CleanExit.helpRequest(self) }
            try command.run()
            Process.exit(0)
        } catch let outcome as Outcome {
            Process.exit(outcome.code)
        } catch let error as ModelError {
            StandardError.line(error.sentence)
            Process.exit(1)
        } catch {
            end(with: error)
        }
    }

    /// Help and version are results; everything else that the parser throws is a wrong command line, told in one line.
    private static func end(with error: any Error) -> Never {
        guard exitCode(for: error) != .success else {
            StandardOutput.write(fullMessage(for: error) + "\n")
            Process.exit(0)
        }
        var sentence = printable(message(for: error).split(whereSeparator: \.isNewline).joined(separator: " "), limit: 400)
        // The parser's sentences have quotes of their own.
        sentence = sentence.split(separator: "\\'", omittingEmptySubsequences: false).joined(separator: "'")
        sentence = sentence.prefix(1).lowercased() + sentence.dropFirst()
        let name = CommandLine.arguments.dropFirst().first.flatMap { argument in
            configuration.subcommands.map { $0.configuration.commandName ?? "" }.first { $0 == argument }
        }
        StandardError.line("\(sentence) (see 'thimble \(name.map { $0 + " " } ?? "")--help')")
        Process.exit(64)
    }
}

/// The way a command ends where it is not plain success.
struct Outcome: Error {
    let code: Int32

    static let failed = Outcome(code: 1)
    static let someFailed = Outcome(code: 2)
}
