internal import ModelGraph
internal import Tensors

/// Turns Constant nodes into initializers.
///
/// Applies to a Constant of a tensor, number or list of numbers in a graph. An initializer takes fewer bytes than the node and the attribute
/// around the same tensor. Leaves alone strings, sparse tensors, constants that are outputs of a graph, and bodies of functions, which
/// cannot have initializers.
enum ConstantsToInitializers: GraphPass {
    static let name = "constants-to-initializers"
    static let summary = "Constant nodes become initializers, which take fewer bytes"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        guard !graph.setting.isFunction else { return }
        for index in graph.graphs.indices where graph.graphs[index].isAlive {
            for value in graph.graphs[index].constants {
                guard let stored = graph.values[value].constant, stored.node != nil, !graph.isOutput(value) else { continue }
                stored.node = nil
                graph.noteChange()
                log.did("Constant '\(graph.values[value].name)'")
            }
        }
    }
}
