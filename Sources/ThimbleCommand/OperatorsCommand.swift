internal import ArgumentParser
internal import Thimble

struct OperatorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operators",
        abstract: "List the operators that can be run, with the operator sets that brought their versions.",
        discussion: """
            Examples:
              thimble operators
              thimble operators --json
            """)

    @Flag(help: "Print the table of the README.")
    var markdown = false

    @Flag(help: "Print one JSON document (Schemas/json.md) instead of text.")
    var json = false

    func validate() throws {
        if markdown, json { throw ValidationError("--markdown and --json are two forms of one answer; give one of them") }
    }

    func run() {
        let list = Thimble.operators
        if markdown { StandardOutput.write(list.markdown) } else { StandardOutput.write(list.json, or: list.text, asJSON: json) }
    }
}
