internal import ArgumentParser
internal import Tensors
internal import Thimble

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what is in a model: operators, weights, what is stored twice, text that no runtime needs.",
        discussion: """
            Reads the metadata and a few samples of the weights, at any size.

            Examples:
              thimble inspect model.onnx
              thimble inspect model.thimble --tensors --json
              thimble inspect model.onnx --graph dot | dot -Tsvg > model.svg
            """)

    @Argument(help: "An .onnx or .thimble file.")
    var file: String

    @Flag(help: "List all nodes.")
    var nodes = false

    @Flag(help: "List all tensors.")
    var tensors = false

    @Option(help: ArgumentHelp("Draw the graph instead, for Graphviz (dot) or Mermaid (mermaid).", valueName: "style"))
    var graph: GraphDrawing?

    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if graph != nil, shared.json { throw ValidationError("--graph and --json are two forms of one answer; give one of them") }
    }

    func run() throws {
        Process.limitTime(to: shared.timeout?.value)
        if let graph {
            StandardOutput.write(graph.draw(try Thimble.open(file, options: shared.open).model))
            return
        }
        let result = try Thimble.inspect(file, options: .init(listsNodes: nodes, listsTensors: tensors, open: shared.open))
        for warning in result.warnings.prefix(20) { StandardError.line("\(printable(file)): \(warning) (warning)") }
        StandardOutput.write(result.json, or: result.summary, asJSON: shared.json)
    }
}
